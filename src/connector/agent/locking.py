"""One agent at a time in a directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.agent.files import PRIVATE
from connector.agent.outcomes import Locked, explained


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold this file, which is made if need be; its directory is there.

    Raises:
        Locked: another agent holds it.
        FilesUnusable: it cannot be made.
    """
    with explained():
        # Open for reading: what nothing is written to does not keep a file system from being remounted.
        descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Locked(
                "locked", f"Another connector-agent works in {file.parent}. Wait for it, or stop it first."
            ) from error
        yield
    finally:
        os.close(descriptor)
