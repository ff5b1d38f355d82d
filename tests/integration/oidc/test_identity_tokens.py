"""Identity tokens: their keys in files over months, and tokens that somebody has altered."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest as hmac
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st
from tests.support.memory.store import MemoryStore

from connector.bootstrap.identity_tokens import TokenKeys
from connector.domain.identity_tokens import LEAD, LONGEST_LIFETIME, PERIOD, TokenKey, signing_key
from connector.exposure import Exposed, Trusted
from connector.oidc.identity_tokens import JWTSigner, new_key
from connector.pki.signer import KeySigner
from connector.system.token_keys import TokenKeyFiles

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLAIMS = {"iss": "https://localhost", "sub": "application:id", "name": "Ünïcode"}


def signer() -> tuple[JWTSigner, TokenKey]:
    """A signer with one key."""
    made = JWTSigner()
    id_, spki = made.hold(new_key(None), None)
    return made, TokenKey(id_, spki, NOW)


OURS, KEY = signer()
THEIRS, OTHER = signer()
TOKEN = OURS.sign(KEY.id, CLAIMS)
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")


def encoded(value: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_is_verified_by_its_key() -> None:
    """Its claims come back, whatever is in a name."""
    assert OURS.key_id(TOKEN) == KEY.id
    assert OURS.verified(TOKEN, KEY) == CLAIMS


_HEADER = {"alg": "ES256", "kid": KEY.id, "typ": "at+jwt"}
_PUBLIC = load_der_public_key(KEY.spki).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_THEIRS = THEIRS.sign(OTHER.id, CLAIMS)
_HMAC = f"{encoded({**_HEADER, 'alg': 'HS256'})}.{PAYLOAD}"
FORGED = {
    "none": f"{encoded({**_HEADER, 'alg': 'none'})}.{PAYLOAD}.",
    "none, signed": f"{encoded({**_HEADER, 'alg': 'none'})}.{PAYLOAD}.{SIGNATURE}",
    "no signature": f"{HEADER}.{PAYLOAD}.",
    "other claims": f"{HEADER}.{encoded({**CLAIMS, 'sub': 'application:other'})}.{SIGNATURE}",
    "HMAC with the public key": f"{_HMAC}.{urlsafe_b64encode(hmac(KEY.spki, _HMAC.encode(), sha256)).decode()}",
    "public key": _PUBLIC.decode(),
    "other key": _THEIRS,
    "other key, our id": f"{HEADER}.{_THEIRS.partition('.')[2]}",
    "four parts": f"{TOKEN}.{SIGNATURE}",
    "blank": f"{TOKEN} ",
    "nothing": "",
    "dots": "..",
    "long": "a" * 100_000,
}
NAMELESS = {
    "nothing": "",
    "dots": "..",
    "long": TOKEN + "a" * 5000,
    "type": f"{encoded({**_HEADER, 'typ': 'JWT'})}.e30.a",
}


@pytest.mark.parametrize("name", FORGED)
def test_what_the_key_has_not_signed_is_refused(name: str) -> None:
    """Another key's, one without a signature, one with another algorithm or other claims, and what is no token."""
    assert OURS.verified(FORGED[name], KEY) is None


@pytest.mark.parametrize("name", NAMELESS)
def test_no_key_is_looked_for_without_a_token_of_ours(name: str) -> None:
    """What is too long, cannot be read, or is of another type names no key."""
    assert OURS.key_id(NAMELESS[name]) is None


@given(st.integers(0, len(TOKEN) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_changes_what_a_token_says(place: int, character: str) -> None:
    """A token with another character is none, or says the same: the last character has bits that nobody reads."""
    altered = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert OURS.verified(altered, KEY) in (None, CLAIMS)


@pytest.mark.parametrize(
    ("pem", "passphrase"),
    [
        (b"", None),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None),
        (KeySigner.generate("p384").encoded(None), None),
        (KeySigner.generate("rsa3072").encoded(None), None),
        (new_key(b"right"), b"wrong"),
        (new_key(b"right"), None),
        (new_key(None), b"needless"),
    ],
    ids=["empty", "damaged", "P-384", "RSA", "wrong passphrase", "no passphrase", "needless passphrase"],
)
def test_a_file_with_anything_else_is_refused(pem: bytes, passphrase: bytes | None) -> None:
    """A key of another kind, one that cannot be read, and one whose passphrase is missing, wrong, or of no use."""
    with pytest.raises(ValueError, match="identity tokens"):
        JWTSigner().hold(pem, passphrase)


class Machine:
    """Worker processes of one server, which share a directory and a database, and their clock."""

    def __init__(self, directory: Path, store: MemoryStore, clock: Callable[[], datetime]) -> None:
        self.files = TokenKeyFiles(directory, Trusted.here())
        self.workers = [TokenKeys(store, clock, self.files, None) for _ in range(2)]
        self._clock = clock

    def round(self) -> list[str | None]:
        """Let each worker do its round; with which key each signs then."""
        for worker in self.workers:
            asyncio.run(worker.round())
        for worker in self.workers:
            asyncio.run(worker.round())
        return [self.signs(worker) for worker in self.workers]

    def signs(self, worker: TokenKeys) -> str | None:
        key = signing_key(worker.published.of(worker.signer.ids), self._clock())
        return None if key is None else key.id

    @property
    def stored(self) -> set[str]:
        return set(self.files.read())


class Time:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_workers_share_keys_and_replace_them(tmp_path: Path) -> None:
    """All workers of a server sign with one key. After a month the next is there, signs from a day later on, and the
    former's file is gone once no token of it can be good; another server knows all of them, and has none of them.
    """
    clock = Time()
    store = MemoryStore(clock)
    here, there = Machine(tmp_path / "a", store, clock), Machine(tmp_path / "b", store, clock)
    for path in ("a", "b"):
        (tmp_path / path).mkdir(mode=0o700)
    first, again = here.round()
    (other, _) = there.round()
    assert first == again
    here.round()
    assert {key.id for key in here.workers[0].published.listed(clock())} == {first, other}
    assert here.stored == {first}

    clock.now = NOW + PERIOD
    assert here.round() == [first, first]
    assert len(here.stored) == 2
    (second,) = here.stored - {first}
    clock.now = NOW + PERIOD + LEAD
    assert here.round() == [second, second]
    clock.now = NOW + PERIOD + 2 * LEAD
    assert here.stored == {first, second}
    clock.now += LONGEST_LIFETIME
    assert here.round() == [second, second]
    assert here.stored == {second}


def test_a_server_that_slept_signs_again(tmp_path: Path) -> None:
    """After a year without a round it makes a key, signs with it at once, and has no other."""
    clock = Time()
    store = MemoryStore(clock)
    machine = Machine(tmp_path, store, clock)
    former = machine.round()[0]
    clock.now += timedelta(days=365)
    found = machine.round()
    assert found[0] == found[1] not in (None, former)
    assert machine.stored == {found[0]}


def test_a_key_whose_record_is_lost_is_published_again(tmp_path: Path) -> None:
    """As after a database was restored from a backup: the key in the file goes on, with a record of its own."""
    clock = Time()
    before = Machine(tmp_path, MemoryStore(clock), clock)
    key = before.round()[0]
    clock.now += timedelta(days=7)
    assert Machine(tmp_path, MemoryStore(clock), clock).round() == [key, key]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Whoever could read it could sign."""
    machine = Machine(tmp_path, MemoryStore(), Time())
    machine.round()
    (path,) = machine.files.path.glob("*.key")
    path.chmod(0o644)
    with pytest.raises(Exposed, match="chmod"):
        machine.round()
