"""The private keys of identity tokens: DIR/token-keys/ID.key, PKCS #8, for the owner alone.

All worker processes of a server share the directory, each replica has its own. One process at a time makes a key.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.exposure import Trusted
from connector.system import keystore

DIRECTORY, SUFFIX, LOCK = "token-keys", ".key", "lock"


@dataclass(frozen=True, slots=True)
class TokenKeyFiles:
    """The directory, which is made with the first key."""

    data_dir: Path
    trusted: Trusted

    @property
    def path(self) -> Path:
        """The directory."""
        return self.data_dir / DIRECTORY

    def read(self) -> Mapping[str, bytes]:
        """The PEM of each key by its id.

        Raises:
            KeystoreError: one cannot be read.
            Exposed: others can read or change one.
        """
        found = {}
        for path in sorted(self.path.glob(f"*{SUFFIX}")):
            octets = keystore.read_file(path, self.trusted)
            if octets is not None:
                found[path.name.removesuffix(SUFFIX)] = octets
        return found

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process, and no other, may make or remove keys now."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)

    def write(self, key_id: str, pem: bytes) -> None:
        """Write a key.

        Raises:
            KeystoreError: it cannot be written.
        """
        keystore.write_file(self.path / f"{key_id}{SUFFIX}", pem)

    def remove(self, key_id: str) -> None:
        """Remove a key."""
        (self.path / f"{key_id}{SUFFIX}").unlink(missing_ok=True)
