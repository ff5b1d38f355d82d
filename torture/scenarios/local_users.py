"""A local user: files that others can get at, and memory that others could read (S27, S28)."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.ca import CA
from tests.support.local_users import can_read_any_memory, can_read_memory
from tests.support.server import Server

from torture.scenarios.kills import restart
from torture.scenarios.stops import refused
from torture.sites import Site

# Any command that opens the data directory.
COMMANDS = (("tenant", "list"), ("db", "check"))


@contextmanager
def loosened(path: Path, mode: int) -> Iterator[None]:
    """The file with a mode that gives others too much."""
    former = path.stat().st_mode & 0o7777
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(former)


def given_files(server: Server, directory: Path) -> Mapping[str, Path]:
    """A settings file, and a server certificate that it names, as an administrator puts them there."""
    ca = CA.make()
    credential = ca.server()
    chain, key = directory / "chain.pem", directory / "tls.key"
    for path, octets in ((chain, credential.pem + ca.issuing.pem), (key, credential.key_pem)):
        path.touch(0o600)
        path.write_bytes(octets)
    settings = server.data / "connector.toml"
    settings.write_text(f'[tls]\ncertificate_file = "{chain}"\nkey_file = "{key}"\n')
    return {"settings": settings, "chain": chain, "key": key}


async def exposed_files_refused(site: Site, directory: Path, *, most: int | None = None) -> dict[str, int | float]:
    """Where others can write the data directory, the settings, a key or the database, or read a key or the database,
    neither the server nor a command does anything: each names the file and the command that mends it. When that was
    run, all goes on.
    """
    assert await asyncio.to_thread(site.first.stop) == 0
    server = site.first
    given = given_files(server, directory)
    loose = [
        (server.data, 0o777, "go-w"),
        (server.data / "connector.db", 0o666, "600"),
        (server.data / "admin.key", 0o644, "600"),
        (given["key"], 0o644, "600"),
        (given["settings"], 0o666, "go-w"),
        (server.data, 0o1777, "go-w"),
        (server.data / "connector.db", 0o604, "600"),
        (server.data / "ca" / "issuing.key", 0o640, "600"),
        (server.data / "ca" / "root.key", 0o604, "600"),
        (server.data / "ca", 0o775, "go-w"),
        (server.data / "ca" / "root.pem", 0o646, "o-w"),
        (given["chain"], 0o666, "go-w"),
        (server.data.parent, 0o777, "go-w"),
    ][:most]
    refusals = 0
    for path, mode, mend in loose:
        with loosened(path, mode):
            await refused(site, f"{path} (mode {mode:04o}) can be ", f"Run: chmod {mend} {path}")
            for command in COMMANDS if path == server.data else ():
                done = await asyncio.to_thread(server.command, *command, check=False)
                assert (done.returncode, done.stdout) == (2, ""), done
                assert f"Run: chmod {mend} {path}" in done.stderr, done.stderr
                refusals += 1
    given["settings"].unlink()
    await restart(server)
    return {"files exposed": len(loose), "starts refused": len(loose), "commands refused": refusals, "served": 0}


async def memory_closed(site: Site) -> dict[str, int | float]:
    """No process that holds a key can be read by another process of the same user, nor be dumped: the kernel asks the
    same question for both. Workers that were started later are like the first.
    """
    assert can_read_any_memory(), "on this machine nobody can read another process's memory: this would prove nothing"
    server = site.first
    assert server.process is not None
    first = server.workers
    for worker in first[:1]:
        os.kill(worker, signal.SIGKILL)
    while len(server.workers) < len(first) or (first and server.workers == first):  # noqa: ASYNC110 - from outside
        await asyncio.sleep(0.05)
    processes = [server.process.pid, *server.workers]
    readable = [process for process in processes if can_read_memory(process)]
    assert not readable, f"{len(readable)} of {len(processes)} processes can be read, and dumped"
    return {"processes": len(processes), "memory readable": 0}
