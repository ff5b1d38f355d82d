"""From a pairing string to an identity in use. Each stage is kept before the next begins, so that a kill costs nothing.

The key is on disk before anything is sent, the CSR before the request that redeems the token. That request carries an
Idempotency-Key: sent again after a lost reply, it brings the same certificate.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from connector import exposure
from connector.agent import checking
from connector.agent.asking import Asking
from connector.agent.directory import (
    ANCHORS,
    CHAIN,
    CONNECTION,
    KEY,
    REQUEST,
    Connection,
    Directory,
    Step,
    encode_key,
    load_key,
    read_passphrase,
)
from connector.agent.outcomes import BadInput, FilesUnusable, ServerRefused, explained
from connector.client import Client, fetch_root, make_csr, make_key
from connector.client.keys import PrivateKey, kind
from connector.domain.pairing import Pairing, compact, parse
from connector.domain.refusals.objects import InvalidData

ENROLLMENT = "enrollment"
MAX_KEY_FILE = 65536


@dataclass(frozen=True, slots=True)
class Wish:
    """The identity that is wanted: the kind of key, and the file with the passphrase for it, if it has one.

    ``key_file`` holds a key to use instead of a new one.
    """

    key: str = "p256"
    passphrase_file: str | None = None
    replace: bool = False
    key_file: Path | None = None


def begin(directory: Directory, text: str | None, wish: Wish) -> None:
    """Make the key, and keep it with the pairing string; what was begun with the same one goes on.

    Raises:
        BadInput: there is no pairing string, it cannot be read, or the directory holds an identity.
    """
    step = directory.step()
    is_begun = step is not None and step.kind == ENROLLMENT
    if text is None and not is_begun:
        raise BadInput("no_pairing", "There is nothing to go on with. Give the pairing string, - or --file.")
    if is_begun and step is not None and (text is None or compact(text) == step.pairing):
        return
    pairing = _parse(text or "")
    if directory.current is not None and not wish.replace:
        raise BadInput(
            "enrolled_already",
            f"{directory.path} holds an identity. Take another directory with -d, or --replace to give it up.",
        )
    made, kind_to_make = _key(wish)
    connection = Connection(pairing.connector_url, "", "", "", kind_to_make, wish.passphrase_file)
    key = encode_key(made, read_passphrase(wish.passphrase_file))
    with explained():
        directory.begin(
            Step(ENROLLMENT, str(uuid4()), pairing=compact(text or "")), {KEY: key, CONNECTION: connection.encode()}
        )


def _key(wish: Wish) -> tuple[PrivateKey, str]:
    """The key that is wished, and the kind of key that renewals are to make."""
    if wish.key_file is None:
        return make_key(wish.key), wish.key
    with explained():
        octets = exposure.read(wish.key_file, is_secret=True, most=MAX_KEY_FILE, trusted=exposure.Trusted.here())
    try:
        # A file without a passphrase may be given with one: then the copy is encrypted.
        key = load_key(octets, read_passphrase(wish.passphrase_file) if b"ENCRYPTED" in octets else None)
    except FilesUnusable as error:
        raise FilesUnusable(error.code, f"{wish.key_file}: {error}") from error
    return key, kind(key) or wish.key


def obtain(directory: Directory, asking: Asking) -> None:
    """Bring the enrollment that was begun to a checked chain, from wherever it was.

    Raises:
        AgentError: it cannot go on. A step that may go on later is kept; a final refusal ends it.
    """
    step = directory.step()
    if step is None or directory.kept(CHAIN) is not None:
        return
    pairing = _parse(step.pairing or "")
    with explained():
        _trust(directory, pairing, asking)
        try:
            _describe(directory, pairing, asking)
            _sign(directory, pairing, step, asking)
        except ServerRefused:
            directory.end()
            raise


def _trust(directory: Directory, pairing: Pairing, asking: Asking) -> None:
    if pairing.root_fingerprint is None:
        asking.output.progress("no fingerprint in the pairing string: the system's trust store decides")
    elif directory.kept(ANCHORS) is None:
        root = asking.persist("root certificate", lambda: fetch_root(pairing))
        directory.keep(ANCHORS, root)
        asking.output.progress("the server's root certificate fits the fingerprint")


def _describe(directory: Directory, pairing: Pairing, asking: Asking) -> None:
    if directory.kept(REQUEST) is not None:
        return
    connection = _connection(directory)
    key = load_key(directory.kept(KEY) or b"", read_passphrase(connection.passphrase_file))
    with Client(root=directory.kept(ANCHORS), token=pairing.token) as client:
        known = asking.persist("configuration", lambda: client.describe(pairing.connector_url))
    connection = replace(
        connection, secured_connector=known.connector_url, director=known.director_url, subject=known.subject
    )
    directory.keep(CONNECTION, connection.encode())
    directory.keep(REQUEST, make_csr(key, known.subject))
    asking.output.progress(f"the server knows this system as {known.subject.rpartition('CN=')[2]}")


def _sign(directory: Directory, pairing: Pairing, step: Step, asking: Asking) -> None:
    connection, anchors = _connection(directory), directory.kept(ANCHORS)
    key = load_key(directory.kept(KEY) or b"", read_passphrase(connection.passphrase_file))
    csr = directory.kept(REQUEST) or b""
    with Client(root=anchors, token=pairing.token) as client:
        chain = asking.persist("certificate", lambda: client.sign(pairing.connector_url, csr, step.idempotency_key))
    leaf = checking.check(chain, key=key, subject=connection.subject, anchors=anchors)
    directory.keep(CHAIN, chain)
    asking.output.progress(
        f"certificate {leaf.serial_number:x}, good until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    )


def _connection(directory: Directory) -> Connection:
    return directory.connection(pending=True) or Connection("", "", "", "")


def _parse(text: str) -> Pairing:
    try:
        return parse(text)
    except InvalidData as error:
        raise BadInput("pairing_unreadable", str(error)) from error
