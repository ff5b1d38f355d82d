"""What another process of the same user, without privileges, can do to a server."""

import os
import subprocess

# Root reads the memory of every process by its capabilities; without them it is a user like any other.
UNPRIVILEGED: tuple[str, ...] = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


def can_read_memory(process: int) -> bool:
    """Whether another process can read this one's memory. Start that one too with UNPRIVILEGED before its command.

    A process's environment is read from its memory, and needs the same right (PTRACE_MODE_READ in ptrace(2)).
    """
    read = ["cat", f"/proc/{process}/environ", f"/proc/{process}/maps"]
    done = subprocess.run([*UNPRIVILEGED, *read], capture_output=True, check=False)
    assert done.returncode == 0 or b"Permission denied" in done.stderr, done.stderr
    return done.returncode == 0


def can_read_any_memory() -> bool:
    """Whether another process can read the memory of an ordinary program: if not, the above proves nothing."""
    with subprocess.Popen([*UNPRIVILEGED, "sh", "-c", "echo; sleep 60"], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            return can_read_memory(other.pid)
        finally:
            other.kill()
