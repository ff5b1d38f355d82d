"""The operating system's users."""

import os
import pwd
from pathlib import Path

_LOGIN_UID = Path("/proc/self/loginuid")
_NOBODY_LOGGED_IN = 2**32 - 1  # (uid_t) -1: the process belongs to no login, as in a container


def login_name(login: Path = _LOGIN_UID) -> str:
    """The user who runs this process: the one who logged in, also under sudo and su, where the kernel keeps that in
    the file ``login``.

    Linux sets the login's user id once for all that follows from it (audit_setloginuid(3)); the environment, which
    anybody can set, is not asked. A user without a name is named by the number.
    """
    try:
        uid = int(login.read_text("ascii"))
    except (OSError, ValueError):
        uid = _NOBODY_LOGGED_IN
    if uid == _NOBODY_LOGGED_IN:
        uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
