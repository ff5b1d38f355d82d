"""Advice for when the file system refuses: the least destructive step that can help, for each kind of error."""

import errno
import os
import pwd
import shlex
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM}


def next_step(error: OSError) -> str:
    """The next step after this error, as a sentence."""
    name = _name(error)
    if error.errno in _FULL:
        return f"Free some space {f'on the file system of {name}' if name else 'on the disk'}, then repeat the command."
    if error.errno == errno.EROFS:
        return f"Mount {'the file system of ' + name if name else 'it'} writable, or name another directory with -d."
    if error.errno == errno.ENOENT and name:
        return f"Check that the directory is the right one (-d); put {name} back from a backup."
    if error.errno in _REFUSED and name:
        return _access(Path(name))
    return "Correct that, then repeat the command."


def _access(path: Path) -> str:
    """How to get at a path: as its owner if it is somebody else's, or else by a change of its mode."""
    first = _obstacle(path)
    try:
        owner = first.lstat().st_uid
    except OSError:
        return f"Run the command as the owner of {first}."
    if owner != os.geteuid():
        return f"{first} belongs to {_user(owner)}: run the command as that user (sudo -u {_user(owner)} ...)."
    return f"Run: chmod u+{'rwx' if first.is_dir() else 'rw'} {shlex.quote(str(first))}"


def _obstacle(path: Path) -> Path:
    """The first directory on the way that cannot be entered, or else the path."""
    for each in reversed(path.parents):
        try:
            if each.is_dir() and not os.access(each, os.X_OK, effective_ids=True):
                return each
        except OSError:
            return each
    try:
        found = path.resolve()
        return found if os.path.lexists(found) else path.parent
    except (OSError, RuntimeError):
        return path


def _name(error: OSError) -> str | None:
    name = error.filename
    return os.fsdecode(name) if isinstance(name, str | bytes) else None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
