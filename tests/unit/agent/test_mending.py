"""Each error of the file system has its next step, the least destructive that can help."""

import errno
import os
from pathlib import Path

import pytest

from connector.agent.mending import next_step


def step(number: int, path: Path | None) -> str:
    return next_step(OSError(number, os.strerror(number), None if path is None else str(path)))


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "Free some space on the file system of"),
        (errno.EDQUOT, "Free some space on the file system of"),
        (errno.EROFS, "writable, or name another directory with -d"),
        (errno.ENOENT, "back from a backup"),
        (errno.EACCES, "Run: chmod u+rw "),
        (errno.EIO, "Correct that"),
    ],
)
def test_next_step_fits_the_error(tmp_path: Path, number: int, says: str) -> None:
    """A full disk wants space, a read-only one another mount, a file without rights its rights; none a new identity."""
    path = tmp_path / "tls.key"
    path.touch()
    for each in (path, None):
        assert "--replace" not in step(number, each)
    assert says in step(number, path)


@pytest.mark.parametrize("number", range(1, 134))
def test_every_error_has_a_next_step(tmp_path: Path, number: int) -> None:
    """No error of the system is left without a sentence, with a file, without one, and with one that is gone."""
    for path in (None, tmp_path, tmp_path / "gone" / "file"):
        assert step(number, path).count(" ") > 2


def test_file_of_another_user_is_used_as_that_user(tmp_path: Path) -> None:
    """A change of the mode would be refused there: the owner's name is said instead."""
    told = step(errno.EACCES, Path("/etc/passwd") if os.geteuid() else _given_away(tmp_path / "key"))
    assert "run the command as that user" in told
    assert "chmod" not in told


def _given_away(path: Path) -> Path:
    path.touch()
    os.chown(path, 4200002, -1)
    return path
