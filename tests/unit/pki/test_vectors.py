"""Hostile, odd and good CSRs, each with its answer; and CSRs that nobody thought of."""

from base64 import b64encode
from datetime import UTC, datetime
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.csr import COMMON_NAME, POLICY, SUBJECT, verify
from tests.support.golden import assert_golden, spki_of
from tests.support.issuing import issue, make_issuer
from tests.vectors import asked, der, keys
from tests.vectors.catalogue import vectors
from tests.vectors.drafts import MARKER, Applicant, Draft, Vector, pem, send
from tests.vectors.proofs import sha1_rsa

from connector.domain.refusals.csr import BadCSR, CSRSignatureInvalid
from connector.pki.csr import CSRPolicy, VerifiedRequest
from connector.pki.requested import UNGRANTED

NOW = datetime(2026, 3, 1, 12, 0, 0, 654321, tzinfo=UTC)
ISSUER = make_issuer("p256", now=NOW)
VECTORS = vectors(SUBJECT, COMMON_NAME)
STRICT = CSRPolicy(SUBJECT, refuses=UNGRANTED)
# Longer than any advice; a refusal that echoes a CSR is far longer.
_LONGEST_MESSAGE = 500
_SECONDS = 1.0

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
each_accepted = pytest.mark.parametrize(
    "vector", [vector for vector in VECTORS if vector.refusal is None], ids=lambda vector: vector.name
)


def answer(text: str, policy: CSRPolicy) -> VerifiedRequest | BadCSR:
    """The request, or the refusal: nothing else is raised, and it takes less than a second of one processor."""
    started = process_time()
    try:
        return verify(text, policy=policy, common_name=COMMON_NAME)
    except BadCSR as refusal:
        return refusal
    finally:
        assert process_time() - started < _SECONDS


def assert_answer(vector: Vector, policy: CSRPolicy, refusal: type[BadCSR] | None) -> None:
    """The same answer, twice; a refusal for the vector's own fault, which echoes nothing of it."""
    first, second = (answer(vector.text, policy) for _ in range(2))
    assert type(first) is type(second) is (refusal or VerifiedRequest), vector.why
    if isinstance(first, BadCSR):
        message = str(first)
        assert message == str(second)
        assert vector.says in message
        assert MARKER not in message
        assert message.isascii()
        assert message.isprintable()
        assert len(message) <= _LONGEST_MESSAGE


def test_names_differ() -> None:
    """Each vector has a name of its own, and there are good and bad ones."""
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)
    assert {vector.refusal is None for vector in VECTORS} == {True, False}


@each_vector
def test_default_policy(vector: Vector) -> None:
    """Each vector is refused by its own class, or accepted; extensions are ignored."""
    assert_answer(vector, POLICY, vector.refusal)


@each_vector
def test_strict_policy(vector: Vector) -> None:
    """Where requested extensions are refused, what no client certificate may hold is, and nothing else changes."""
    assert_answer(vector, STRICT, vector.refusal or vector.strictly)


@each_accepted
def test_nothing_but_the_key_is_copied(vector: Vector) -> None:
    """A certificate holds the CSR's key and nothing else of it: no name, no extension, no text."""
    request = verify(vector.text, policy=POLICY, common_name=COMMON_NAME)

    issued = issue(ISSUER, request, now=NOW)

    assert_golden(issued, spki=spki_of(vector.text), issuer=ISSUER, now=NOW)
    assert MARKER.encode() not in issued.der


def test_sha1_can_be_switched_off() -> None:
    """A policy without SHA-1 refuses the one CSR that a policy with it accepts."""
    text = sha1_rsa(Applicant(SUBJECT, COMMON_NAME))
    assert isinstance(answer(text, CSRPolicy(SUBJECT, sha1_proof=True)), VerifiedRequest)
    assert isinstance(answer(text, CSRPolicy(SUBJECT, sha1_proof=False)), CSRSignatureInvalid)


@each_accepted
def test_for_nobody_else(vector: Vector) -> None:
    """What is accepted for one common name is refused for every other."""
    with pytest.raises(BadCSR, match="Invalid common name"):
        verify(vector.text, policy=POLICY, common_name=COMMON_NAME[:-1] + "0")


# CSRs that nobody thought of


def assert_refused_or_as_planned(text: str) -> None:
    """Only a BadCSR, or a certificate for the CSR's key under our subject."""
    for policy in (POLICY, STRICT):
        request = answer(text, policy)
        if isinstance(request, VerifiedRequest):
            assert_golden(issue(ISSUER, request, now=NOW), spki=spki_of(text), issuer=ISSUER, now=NOW)


GOOD = [
    Applicant(SUBJECT, COMMON_NAME).draft(key).encoded() for key in (keys.ecdsa(), keys.eddsa25519(), keys.rsa(2048))
]
BLOCKS = [pem(encoded) for encoded in GOOD]
ATTRIBUTES = [
    asked.asking_for(
        asked.extension(asked.BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE, critical=der.boolean()),
        asked.extension(asked.KEY_USAGE, der.bits(b"\x80", unused=7)),
        asked.extension(asked.EXTENDED_KEY_USAGE, der.sequence(der.CLIENT_AUTH)),
    )
]


@st.composite
def mutations(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """A sample with one to three octets flipped, a part cut out, doubled or replaced."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(("flip", "cut", "double", "insert", "truncate"))):
            case "flip" if start < len(data):
                data[start] ^= draw(st.integers(1, 255))
            case "cut":
                del data[start : start + length]
            case "double":
                data[start:start] = data[start : start + length]
            case "insert":
                data[start:start] = draw(st.binary(max_size=20))
            case "truncate":
                del data[start:]
            case _:
                pass
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=2_000))
def test_any_text(text: str) -> None:
    """Any text is refused."""
    assert isinstance(answer(text, POLICY), BadCSR)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_octets(data: bytes) -> None:
    """Any octets are refused, as PEM and in PEM."""
    assert isinstance(answer(send(data), POLICY), BadCSR)
    assert isinstance(answer(send(pem(data)), POLICY), BadCSR)


@settings(max_examples=400, deadline=None)
@given(mutations(GOOD))
def test_mutated_der(encoded: bytes) -> None:
    """A CSR with some octets changed is refused, or as good as it was."""
    assert_refused_or_as_planned(send(pem(encoded)))


@settings(max_examples=200, deadline=None)
@given(mutations(BLOCKS))
def test_mutated_pem(block: bytes) -> None:
    """A PEM block with some octets changed is refused, or as good as it was."""
    assert_refused_or_as_planned(send(block))


@settings(max_examples=200, deadline=None)
@given(mutations([b64encode(block) for block in BLOCKS]))
def test_mutated_text(text: bytes) -> None:
    """An argument with some characters changed is refused, or as good as it was."""
    assert_refused_or_as_planned(text.decode("latin-1"))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_and_signed(data: st.DataObject) -> None:
    """A CSR whose parts were changed before it was signed: its signature is good, and the other checks must hold."""
    good = Applicant(SUBJECT, COMMON_NAME).draft()
    changed = Draft(
        subject=data.draw(st.just(good.subject) | mutations([good.subject])),
        key=good.key,
        attributes=data.draw(st.just(good.attributes) | mutations([good.attributes, *ATTRIBUTES])),
        version=data.draw(st.just(good.version) | mutations([good.version])),
    )
    assert_refused_or_as_planned(changed.text())
