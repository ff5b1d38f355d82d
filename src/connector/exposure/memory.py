"""Keys are in the memory of this process. No core dump may hold it, whatever the kernel does with core dumps."""

import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """Let no core dump of this process be made, and no other process of this user look into its memory.

    A limit of 0 is not enough: the kernel ignores it where core_pattern pipes to a program, as systemd-coredump and
    apport have it (core(5)). A process that is not dumpable has no core dump at all, and its /proc files and ptrace are
    root's (PR_SET_DUMPABLE in prctl(2)). A fork inherits that. An exec does not: whatever is started here dumps as it
    would, for its limit can be raised again.

    Raises:
        OSError: the kernel does not allow it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    if prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Core dumps cannot be forbidden: {os.strerror(number)}")
