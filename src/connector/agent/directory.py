"""An identity's directory.

    DIR/tls.key, tls.crt, ca.crt   links for programs: key, chain, trust anchors; named as in a Kubernetes TLS secret
    DIR/current                    the one link that is swapped: to the version in use
    DIR/former                     the version before, until the one in use has been used once
    DIR/versions/NAME/             key, chain and anchors that belong together
    DIR/connection.json            every address that the server named
    DIR/state.json                 when to renew, and what the server's clock says
    DIR/pending/                   a step under way: its key, its CSR, its Idempotency-Key, and what came back
    DIR/lock, run.lock             held by the agent that works here, and by the one that stays

Every change is one rename. Anything that a kill leaves behind has a name that begins with a dot, or is taken up again.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connector import exposure
from connector.agent import files
from connector.agent.locking import locked
from connector.agent.outcomes import BadInput, FilesUnusable, explained
from connector.client.keys import PrivateKey
from connector.domain.strict_json import JSONError, read_object
from connector.exposure import Finding, Trusted

KEY, CHAIN, ANCHORS = "tls.key", "tls.crt", "ca.crt"
CURRENT, FORMER, VERSIONS, PENDING = "current", "former", "versions", "pending"
CONNECTION, STATE = "connection.json", "state.json"
STEP, REQUEST = "step.json", "request.pem"
SECRET = {KEY, STEP}
LOCK, RUN_LOCK = "lock", "run.lock"
NAME_DIGITS = 16
MAX_PASSPHRASE_FILE = 4096


@dataclass(frozen=True, slots=True)
class Connection:
    """The server's address, and all that it said, so that nothing is asked twice.

    ``connector`` is the public address, the others need the certificate. ``key`` is the kind of key to make;
    ``passphrase_file`` has what encrypts the key's file.
    """

    connector: str
    secured_connector: str
    director: str
    subject: str
    key: str = "p256"
    passphrase_file: str | None = None

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


@dataclass(frozen=True)
class Pair:
    """A version: key, chain and anchors. ``anchors`` is None where the system's trust store is to judge."""

    path: Path

    @property
    def name(self) -> str:
        """The version's name."""
        return self.path.name

    @property
    def identity(self) -> tuple[Path, Path]:
        """The files of chain and key, as TLS takes them."""
        return self.path / CHAIN, self.path / KEY

    @cached_property
    def chain(self) -> bytes:
        """The chain's PEM."""
        return (self.path / CHAIN).read_bytes()

    @cached_property
    def leaf(self) -> x509.Certificate:
        """The certificate.

        Raises:
            FilesUnusable: the file holds none.
        """
        return _leaf(self.chain, self.path / CHAIN)

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the certificate's DER."""
        return self.leaf.fingerprint(SHA256())

    @property
    def serial(self) -> str:
        """The certificate's serial number, as the server shows it."""
        return f"{self.leaf.serial_number:x}"

    @property
    def anchors(self) -> bytes | None:
        """The trust anchors' PEM."""
        return files.read(self.path / ANCHORS)


@dataclass(frozen=True, slots=True)
class Step:
    """A step under way. ``kind`` is enrollment, renewal or late; ``former`` the fingerprint of what it renews."""

    kind: str
    idempotency_key: str
    former: str | None = None
    pairing: str | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Directory:
    """The directory of one identity. The members of ``group`` may read and write it too."""

    path: Path
    group: int | None = None

    @property
    def trusted(self) -> Trusted:
        """Whose files are accepted."""
        return Trusted.within(self.path, self.group)

    def findings(self) -> Iterator[Finding]:
        """The files in the directory that others could read or change."""
        trusted = self.trusted
        yield from exposure.examine(self.path, self.path.stat(), is_secret=False, trusted=trusted)
        for path in sorted(self.path.rglob("*")):
            with suppress(FileNotFoundError):  # an agent may be at work
                yield from exposure.examine(path, path.lstat(), is_secret=path.name in SECRET, trusted=trusted)

    def refuse_exposed(self) -> None:
        """Return if the directory is safe, or is not there yet.

        Raises:
            FilesUnusable: others can get at it.
        """
        with explained(), suppress(FileNotFoundError):
            exposure.refuse(self.findings())

    @contextmanager
    def locked(self, name: str = LOCK) -> Iterator[None]:
        """Make the directory if need be, and hold it.

        Raises:
            Locked: another agent holds it.
            FilesUnusable: it cannot be made or written.
        """
        with explained():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.path / name):
            yield

    def _pair(self, link: str) -> Pair | None:
        try:
            return Pair(self.path / (self.path / link).readlink())
        except FileNotFoundError:
            return None

    @property
    def current(self) -> Pair | None:
        """The version in use."""
        return self._pair(CURRENT)

    @property
    def former(self) -> Pair | None:
        """The version before, where the one in use has not been used yet."""
        return self._pair(FORMER)

    def identity(self) -> tuple[Pair, Connection]:
        """What is in use.

        Raises:
            BadInput: there is nothing.
        """
        current, connection = self.current, self.connection()
        if current is None or connection is None:
            raise BadInput(
                "not_enrolled",
                f"There is no identity in {self.path}. Run: connector-agent enroll -d {self.path} PAIRING",
            )
        return current, connection

    def connection(self, *, pending: bool = False) -> Connection | None:
        """The server's own description; with ``pending``, within the step under way."""
        kept = self._json(f"{PENDING}/{CONNECTION}" if pending else CONNECTION)
        try:
            return None if kept is None else Connection(**kept)
        except TypeError as error:
            raise FilesUnusable("files_damaged", f"{self.path / CONNECTION} is damaged. Enroll again.") from error

    def connect(self, connection: Connection) -> None:
        """Keep what the server says of itself now."""
        files.replace(self.path / CONNECTION, connection.encode())

    def state(self) -> Mapping[str, Any]:
        """The note of the last look at the server."""
        try:
            return self._json(STATE) or {}
        except FilesUnusable:
            return {}  # it is made anew with the next look

    def note(self, state: Mapping[str, Any]) -> None:
        """Note it."""
        files.replace(self.path / STATE, json.dumps(state, indent=2).encode() + b"\n")

    def _json(self, name: str) -> dict[str, Any] | None:
        octets = files.read(self.path / name)
        try:
            return None if octets is None else read_object(octets)
        except JSONError as error:
            raise FilesUnusable(
                "files_damaged", f"{self.path / name} is damaged: {error}. Remove it, or enroll again."
            ) from error

    # A step under way

    @property
    def pending(self) -> Path:
        """Where the step under way has its files."""
        return self.path / PENDING

    def step(self) -> Step | None:
        """The step under way."""
        kept = self._json(f"{PENDING}/{STEP}")
        return None if kept is None else Step(**kept)

    def begin(self, step: Step, content: Mapping[str, bytes]) -> None:
        """Begin a step; one that was under way is forgotten."""
        if self.pending.exists():
            files.remove_directory(self.pending)
        files.make_directory(self.pending, {STEP: step.encode(), **content})

    def keep(self, name: str, octets: bytes) -> None:
        """Keep what belongs to the step under way."""
        files.replace(self.pending / name, octets)

    def kept(self, name: str) -> bytes | None:
        """The content kept under that name."""
        return files.read(self.pending / name)

    def brought(self) -> x509.Certificate:
        """The certificate that the step under way has brought."""
        return _leaf(self.kept(CHAIN) or b"", self.pending / CHAIN)

    def end(self) -> None:
        """The step is done."""
        files.remove_directory(self.pending)

    # Versions

    def install(self) -> Pair:
        """Make a version of the result of the step under way, and put it in use; the former version is kept.

        May be called again after a kill: it ends the same.
        """
        leaf = self.brought()
        pair = Pair(self.path / VERSIONS / leaf.fingerprint(SHA256()).hex()[:NAME_DIGITS])
        if not pair.path.exists():
            names = (KEY, CHAIN, ANCHORS)
            found = {name: self.kept(name) for name in names}
            files.make_directory(pair.path, {name: octets for name, octets in found.items() if octets is not None})
        files.replace(self.path / CONNECTION, self.kept(CONNECTION) or b"")
        for name in (KEY, CHAIN, ANCHORS):
            if not (self.path / name).is_symlink():
                files.link(self.path / name, f"{CURRENT}/{name}")
        current = self.current
        if current is not None and current.name != pair.name:
            files.link(self.path / FORMER, f"{VERSIONS}/{current.name}")
        self._use(pair)
        return pair

    def roll_back(self) -> None:
        """Put the former version in use again."""
        former = self.former
        if former is not None:
            self._use(former)
            (self.path / FORMER).unlink(missing_ok=True)

    def forget_former(self) -> None:
        """The version in use has been used: the one before is needed no more."""
        (self.path / FORMER).unlink(missing_ok=True)
        self.tidy()

    def tidy(self) -> None:
        """Remove what a kill left behind, and versions that nothing leads to."""
        keep = {pair.name for pair in (self.current, self.former) if pair is not None}
        for path in (*self.path.glob(".*.new"), *self.path.glob(".*.gone"), *(self.path / VERSIONS).glob("*")):
            if path.parent == self.path or path.name not in keep:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _use(self, pair: Pair) -> None:
        files.link(self.path / CURRENT, f"{VERSIONS}/{pair.name}")


def _leaf(chain: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise FilesUnusable("files_damaged", f"{path} holds no certificate. Enroll again with --replace.") from error


def encode_key(key: PrivateKey, passphrase: bytes | None) -> bytes:
    """The key's PEM (PKCS #8), encrypted where there is a passphrase."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def load_key(octets: bytes, passphrase: bytes | None) -> PrivateKey:
    """The key in a PEM.

    Raises:
        FilesUnusable: it cannot be read, or not with this passphrase.
    """
    try:
        key = load_pem_private_key(octets, passphrase)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise FilesUnusable(
            "key_unreadable", "The key cannot be read: the passphrase is missing or wrong, or the file is damaged."
        ) from error
    if not isinstance(key, PrivateKey):
        raise FilesUnusable("key_unreadable", "The key is of a kind that is not used here.")
    return key


def read_passphrase(path: str | None) -> bytes | None:
    """The passphrase in a file that only its owner can read; its one line.

    Raises:
        FilesUnusable: it cannot be read, others can, or it is empty.
    """
    if path is None:
        return None
    with explained():
        octets = exposure.read(Path(path), is_secret=True, most=MAX_PASSPHRASE_FILE, trusted=Trusted.here())
    lines = octets.splitlines()
    if len(lines) != 1 or not lines[0]:
        raise FilesUnusable("passphrase_empty", f"{path} should hold one line, the passphrase.")
    return lines[0]
