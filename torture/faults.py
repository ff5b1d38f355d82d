"""What is done to a server from outside: its disk, its clock, its system calls. Nothing in the server knows of it."""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import Server

ATTACH_SECONDS = 10.0
READ_ONLY_ATTEMPTS = 20
# libfaketime looks at its file once a second. If it did at each call, of two threads that look at the same time one
# could see the true time for a moment.
SEEN_SECONDS = 2.1


@contextmanager
def small_disk(mounted: Path, mebibytes: int = 16) -> Iterator[Path]:
    """A disk of its own, mounted there."""
    mounted.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(mounted)], check=False, capture_output=True
    )
    assert done.returncode == 0, "this mounts a small disk: run it as root, or by unshare --map-root-user --mount"
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the space that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Nobody can write to the disk. What is open for writing may go on."""
    for _ in range(READ_ONLY_ATTEMPTS):
        subprocess.run(["mount", "--bind", str(disk), str(disk)], check=True)
        done = subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=False)
        if done.returncode == 0:
            break
        # Somebody opened a file for writing in between, and keeps the mount busy.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    done.check_returncode()
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def at_call(
    server: Server, trace: Path, calls: str, *, what: str, number: int, path: Path | None = None
) -> Iterator[None]:
    """While in here, the n-th of these system calls from now (on that file alone) fails, or ends in a signal."""
    # Signals are not given with --seccomp-bpf.
    with attached(server, trace, calls, f"inject={calls}:{what}:when={number}", path=path):
        yield


@contextmanager
def attached(server: Server, trace: Path, calls: str, *expressions: str, path: Path | None = None) -> Iterator[None]:
    """While in here, strace looks at these system calls (on that file alone), and writes them down."""
    assert server.process is not None
    pid = server.process.pid
    command = ["strace", "-f", "-qq", "-p", str(pid), "-o", str(trace), "-e", f"trace={calls}"]
    if path is not None:
        command += ["-P", str(path)]
    for expression in expressions:
        command += ["-e", expression]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + ATTACH_SECONDS
        while not _all_traced(pid):
            assert time.monotonic() < deadline
            assert strace.poll() is None, strace.communicate()
            time.sleep(0.01)
        yield
    finally:
        strace.terminate()
        strace.communicate()


def _all_traced(pid: int) -> bool:
    states = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return all("TracerPid:\t0\n" not in state for state in states)


@dataclass(slots=True)
class Clock:
    """A server's wall clock, which runs as ours does, some seconds beside it. Its other clocks are left alone."""

    file: Path

    def __post_init__(self) -> None:
        self._write(0)

    def set(self, seconds: int) -> None:
        """So far ahead, or behind, once the server has seen it."""
        self._write(seconds)
        time.sleep(SEEN_SECONDS)

    def _write(self, seconds: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.file)

    def settings(self) -> Mapping[str, str]:
        """The environment of a program that goes by this clock."""
        return {
            "LD_PRELOAD": _libfaketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }


def _libfaketime() -> str:
    """Where Debian's faketime keeps its library: the command itself knows."""
    done = subprocess.run(["faketime", "-f", "+0", "env"], check=True, capture_output=True, text=True)
    found = re.search(r"^LD_PRELOAD=(.*)$", done.stdout, re.MULTILINE)
    assert found is not None, "faketime sets no LD_PRELOAD"
    return found[1]
