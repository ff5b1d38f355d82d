"""Files that are whole or not there: written under another name, flushed to disk, and renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600


def write(path: Path, octets: bytes, mode: int = PRIVATE) -> None:
    """A new file, on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with _named(path), os.fdopen(descriptor, "wb") as file:
        if mode != PRIVATE:
            os.fchmod(descriptor, mode)  # whatever the umask is
        file.write(octets)
        file.flush()
        os.fsync(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in errors of calls that take a descriptor: the system names none there."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def replace(path: Path, octets: bytes, mode: int = PRIVATE) -> None:
    """The file with other content: a kill at any moment leaves the former content or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    write(new, octets, mode)
    new.replace(path)
    sync(path.parent)


def link(path: Path, target: str) -> None:
    """Lead a symbolic link somewhere else, in one step: whoever follows it sees the former target or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
    sync(path.parent)


def make_directory(path: Path, content: dict[str, bytes]) -> None:
    """A directory with these files; a kill at any moment leaves the whole directory or none of that name."""
    new = path.with_name(f".{path.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new.mkdir(mode=0o700)
    for name, octets in content.items():
        write(new / name, octets)
    sync(new)
    new.rename(path)
    sync(path.parent)


def remove_directory(path: Path) -> None:
    """Remove the directory; a kill at any moment leaves the whole directory or none of that name."""
    gone = path.with_name(f".{path.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    sync(path.parent)
    shutil.rmtree(gone, ignore_errors=True)


def read(path: Path) -> bytes | None:
    """The file's content; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def sync(directory: Path) -> None:
    """Make the names in the directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _named(directory):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
