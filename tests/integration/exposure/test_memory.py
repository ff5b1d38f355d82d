"""No core dump, whatever the kernel would do with one."""

import subprocess
import sys

PROGRAM = """
import ctypes, os, resource
from connector.exposure import forbid_core_dumps
prctl = ctypes.CDLL(None).prctl
GET_DUMPABLE = 3
before = prctl(GET_DUMPABLE, 0, 0, 0, 0)
_, most = resource.getrlimit(resource.RLIMIT_CORE)
forbid_core_dumps()
child = os.fork()
if child == 0:
    os._exit(prctl(GET_DUMPABLE, 0, 0, 0, 0))
_, status = os.waitpid(child, 0)
print(before, prctl(GET_DUMPABLE, 0, 0, 0, 0), os.waitstatus_to_exitcode(status))
print(resource.getrlimit(resource.RLIMIT_CORE) == (0, most))
"""


def test_process_and_its_forks_are_not_dumpable() -> None:
    """The kernel makes no core dump of such a process, piped or not; what it forks is like it. What it starts may
    raise its own limit again.
    """
    shown = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=30)

    assert shown.stdout == "1 0 0\nTrue\n"
