"""Which other users of this machine could read or change a file (decision 0045).

A secret file (a key, a passphrase, a database) is for its owner alone. Any other file (settings, certificates) may be
read by everyone, but only its owner may change it. The owner is the user of this process, or root. A directory that
others can write leads nowhere safe: they could put another file in its place. The sticky bit prevents that, as in /tmp.

What is read is judged by its open descriptor, so that nothing can be swapped between the check and the reading.
"""

import errno
import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = 0
MOST_LINKS = 40  # as many as Linux follows


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that others can get at: which one, in what way, and the command that mends it."""

    path: Path
    what: str
    mend: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.path} {self.what}. {self.mend}"


class Exposed(Exception):  # noqa: N818 - named for what is wrong
    """Other users of this machine can get at our files; every finding is in ``findings``."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        lines = [str(finding) for finding in self.findings]
        several = "Other users of this machine can get at these files:\n  " if len(lines) > 1 else ""
        super().__init__(several + "\n  ".join(lines))


@dataclass(frozen=True, slots=True)
class Trusted:
    """The users whose files are accepted, and the group, if any, whose members may read and write them.

    ``user`` is the one this process runs as.
    """

    user: int
    users: frozenset[int]
    group: int | None = None

    @classmethod
    def here(cls, group: int | None = None) -> "Trusted":
        """The user of this process, and root."""
        user = os.geteuid()
        return cls(user, frozenset({user, ROOT}), group)

    @classmethod
    def within(cls, path: Path, group: int | None = None) -> "Trusted":
        """The same; for root also the owner of that directory, on whose behalf root then acts."""
        trusted = cls.here(group)
        if trusted.user == ROOT:
            with suppress(OSError):
                return cls(ROOT, trusted.users | {path.stat().st_uid}, group)
        return trusted


def group_id(name: str) -> int:
    """The number of the group with this name or number.

    Raises:
        ValueError: there is no such group.
    """
    if name.isascii() and name.isdecimal() and len(name) < 10:  # noqa: PLR2004 - Linux counts groups in 32 bits
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        raise ValueError("There is no such group on this machine") from None


def examine(path: Path, found: os.stat_result, *, is_secret: bool, trusted: Trusted) -> Iterator[Finding]:
    """The faults of a file or directory of this status."""
    if found.st_uid not in trusted.users:
        yield Finding(path, f"belongs to {_user(found.st_uid)}", f"Run: chown {_user(trusted.user)} {_quoted(path)}")
    if not stat.S_ISLNK(found.st_mode):  # anybody may follow a link; only its owner can change it
        yield from _bits(path, found, is_secret=is_secret, trusted=trusted)


def _bits(path: Path, found: os.stat_result, *, is_secret: bool, trusted: Trusted) -> Iterator[Finding]:
    mode, refused = stat.S_IMODE(found.st_mode), _refused(found, trusted)
    can_write = mode & 0o022 & refused
    if is_secret and mode & 0o055 & refused:
        what = "can be read and written by others" if can_write else "can be read by others"
        yield Finding(path, f"(mode {mode:04o}) {what}", f"Run: chmod {_PRIVATE[refused]} {_quoted(path)}")
    elif can_write:
        whose = "go" if can_write & 0o020 else "o"
        what = "can be written by others"
        yield Finding(path, f"(mode {mode:04o}) {what}", f"Run: chmod {whose}-w {_quoted(path)}")


_ANY, _ALL_BUT_READING, _OTHERS = 0o077, 0o037, 0o007
_PRIVATE = {_ANY: "600", _ALL_BUT_READING: "640", _OTHERS: "o-rwx"}


def _refused(found: os.stat_result, trusted: Trusted) -> int:
    """The permission bits of group and others that a secret file must not have.

    A file of root's that its group can read was given to that group by root: PostgreSQL accepts it too.
    """
    if found.st_gid == trusted.group:
        return _OTHERS
    return _ALL_BUT_READING if found.st_uid == ROOT != trusted.user else _ANY


def directory(path: Path, trusted: Trusted) -> Iterator[Finding]:
    """The faults of a directory of ours, and of every directory and link that leads to it."""
    yield from _way(path, trusted)
    with suppress(OSError):
        yield from examine(path, path.stat(), is_secret=False, trusted=trusted)


def named(path: Path, trusted: Trusted, *, is_secret: bool) -> Iterator[Finding]:
    """The faults of a file of this name, and of the way to it; none if it does not exist."""
    yield from _way(path, trusted)
    with suppress(OSError):
        yield from examine(path, path.stat(), is_secret=is_secret, trusted=trusted)


def refuse(findings: Iterable[Finding]) -> None:
    """Return if there are none.

    Raises:
        Exposed: there are.
    """
    found = tuple(dict.fromkeys(findings))
    if found:
        raise Exposed(found)


def read(path: Path, *, is_secret: bool, most: int, trusted: Trusted) -> bytes:
    """The content of a regular file of at most ``most`` octets.

    Raises:
        Exposed: others can get at it.
        OSError: it cannot be read, is no regular file, or is larger.
    """
    # Without O_NONBLOCK, opening a FIFO would wait for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        refuse(examine(path, found, is_secret=is_secret, trusted=trusted))
        octets = file.read(most + 1)
    if len(octets) > most:
        raise OSError(errno.EFBIG, f"Larger than {most} octets", str(path))
    return octets


def _way(path: Path, trusted: Trusted) -> Iterator[Finding]:
    """The faults of the directories and links that lead to the path, from the root down."""
    for step, found in _steps(path):
        if stat.S_ISLNK(found.st_mode):
            yield from examine(step, found, is_secret=False, trusted=trusted)
        elif found.st_uid not in trusted.users | _outsiders():
            advice = f"Move what is in it to a directory that only root and {_user(trusted.user)} can write"
            yield Finding(step, f"leads to {path} and belongs to {_user(found.st_uid)}", advice)
        elif not found.st_mode & stat.S_ISVTX:
            yield from _bits(step, found, is_secret=False, trusted=trusted)


def _steps(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Each directory and link that the kernel passes on its way to the path, which is not one of them itself unless
    it is a link. It ends where there is nothing, or nothing to be seen.
    """
    at, links = Path("/"), 0
    todo = list(reversed(path.absolute().parts[1:]))
    with suppress(OSError):
        yield at, at.lstat()
        while todo:
            step = at / todo.pop()
            if step.name == "..":
                at = at.parent
                continue
            found = step.lstat()
            if stat.S_ISLNK(found.st_mode):
                yield step, found
                links += 1
                if links > MOST_LINKS:
                    return
                target = step.readlink()
                at = Path("/") if target.is_absolute() else at
                todo.extend(part for part in reversed(target.parts) if part != "/")
            else:
                at = step
                if todo:
                    yield step, found


@cache
def _outsiders() -> frozenset[int]:
    """The number under which a user namespace shows everybody who is not in it (user_namespaces(7)), in such a
    namespace. A directory of theirs leads into it, as the root of a file system that was there before: nobody inside
    can change it.
    """
    with suppress(OSError, ValueError):
        nobody = int(Path("/proc/sys/kernel/overflowuid").read_text())
        mapped = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
        if not any(first <= nobody < first + count for first, _, count in mapped):
            return frozenset({nobody})
    return frozenset()


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
