"""The server certificate's life: issued by our own CA or read from files, and kept fresh while connections go on."""

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Protocol

from cryptography import x509

from connector import exposure
from connector.exposure import Trusted
from connector.serving.tls import ServerContext

# Seconds between two looks at whether there is a newer certificate.
INTERVAL = 30.0

MAX_FILE = 1024 * 1024
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class ServerCertificateError(Exception):
    """The server certificate cannot be used."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain, leaf first, and the leaf's unencrypted key, all PEM."""

    chain: bytes
    key: bytes = field(repr=False)


class Source(Protocol):
    """Where server certificates come from."""

    def is_due(self, loaded: x509.Certificate, now: datetime) -> bool:
        """Whether another certificate should be taken in place of the loaded one."""

    def take(self) -> KeyPair:
        """The certificate to serve from now on. Any exception means that there is none."""


@dataclass(frozen=True, slots=True)
class OwnCA:
    """Certificates that ``issue`` makes; another when two thirds of the last one's validity have passed."""

    issue: Callable[[], KeyPair]

    def is_due(self, loaded: x509.Certificate, now: datetime) -> bool:
        """Two thirds are over."""
        validity = loaded.not_valid_after_utc - loaded.not_valid_before_utc
        return now >= loaded.not_valid_before_utc + validity * 2 / 3

    def take(self) -> KeyPair:
        """A newly issued one."""
        return self.issue()


class Files:
    """A certificate chain and a key that somebody else keeps fresh; read again when one of the files has changed."""

    def __init__(self, chain: Path, key: Path, trusted: Trusted) -> None:
        self._paths = (chain, key)
        self._trusted = trusted
        self._read: tuple[object, ...] = ()

    def is_due(self, loaded: x509.Certificate, now: datetime) -> bool:  # noqa: ARG002 - files tell by themselves
        """One of them is not as it was when they were last read."""
        return self._state() != self._read

    def take(self) -> KeyPair:
        """What is in them now. A file that cannot be read raises OSError, one that others can get at Exposed."""
        self._read = self._state()
        chain, key = self._paths
        return KeyPair(self._content(chain, is_secret=False), self._content(key, is_secret=True))

    def _content(self, path: Path, *, is_secret: bool) -> bytes:
        return exposure.read(path, is_secret=is_secret, most=MAX_FILE, trusted=self._trusted)

    def _state(self) -> tuple[object, ...]:
        return tuple(_identity(path) for path in self._paths)


class ServerCertificate:
    """The certificate that the given contexts serve."""

    def __init__(
        self,
        source: Source,
        contexts: Sequence[ServerContext],
        *,
        directory: Path,
        clock: Callable[[], datetime],
        loaded: Callable[[x509.Certificate], None],
        failed: Callable[[ServerCertificateError], None],
    ) -> None:
        """Nothing is loaded yet.

        Args:
            source: where it comes from.
            contexts: they serve it.
            directory: where the key lies for the moment in which OpenSSL reads it; only its owner can look into it.
            clock: the time now, UTC-aware.
            loaded: called with each certificate that is served from now on.
            failed: called with the reason when :meth:`refresh` left the former one in place.
        """
        self._source = source
        self._contexts = contexts
        self._directory = directory
        self._clock = clock
        self._report_loaded = loaded
        self._report_failed = failed
        self._current: x509.Certificate | None = None

    def load(self) -> None:
        """Take a certificate from the source and serve it.

        Raises:
            ServerCertificateError: there is none that can be served; the former one stays.
        """
        try:
            pair = self._source.take()
            certificate = x509.load_pem_x509_certificates(pair.chain)[0]
            _check_validity(certificate, self._clock())
            self._serve(pair)
        except Exception as error:  # whatever is wrong with it, the former one stays
            raise ServerCertificateError(f"The server certificate cannot be used: {error}") from error
        self._current = certificate
        self._report_loaded(certificate)

    def refresh(self, *, anyway: bool = False) -> None:
        """Load another certificate if one is due, or anyway; if it cannot be used, report that, and keep the former."""
        try:
            if anyway or self._current is None or self._source.is_due(self._current, self._clock()):
                self.load()
        except ServerCertificateError as error:
            self._report_failed(error)

    async def keep_fresh(self, interval: float = INTERVAL) -> None:
        """Refresh every ``interval`` seconds and at each SIGHUP, until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.refresh)
        try:
            while True:
                await asyncio.sleep(interval)
                self.refresh()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    def _serve(self, pair: KeyPair) -> None:
        """Load the pair into every context. OpenSSL reads keys from files alone."""
        self._directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self._directory.chmod(DIRECTORY_MODE)
        path = self._directory / "loading.pem"
        with _locked(self._directory):
            path.unlink(missing_ok=True)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(pair.key + b"\n" + pair.chain)
                for context in self._contexts:
                    context.load_cert_chain(path, password=_encrypted)
            finally:
                path.unlink(missing_ok=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time: all workers load when their certificate is due."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_validity(certificate: x509.Certificate, now: datetime) -> None:
    not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not not_before <= now <= not_after:
        raise ValueError(f"it is valid from {not_before:%F %T} to {not_after:%F %T} UTC")


def _encrypted() -> NoReturn:
    """OpenSSL asks for a passphrase; left alone it would ask on the terminal, and wait there."""
    raise ValueError("the key is encrypted")


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode, status.st_uid, status.st_gid
