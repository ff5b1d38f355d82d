"""Signers: what each must keep, and what an issuer makes of one that does not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.csr import COMMON_NAME, POLICY, make_csr, send, verify
from tests.support.issuing import HOLDER, PROFILE, fresh_serial, issue, make_issuer, new_key
from tests.support.signers import WRONG, issuer_with
from tests.vectors.keys import rsa_private

from connector.pki import signatures
from connector.pki.exact import WrongSignature
from connector.pki.issuer import Issuer
from connector.pki.signatures import IssuerAlgorithm, issuer_algorithm
from connector.pki.signer import KeySigner, Signer, SignerError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = verify(send(make_csr(ec.generate_private_key(ec.SECP256R1()))), policy=POLICY, common_name=COMMON_NAME)
WORDS = b"correct horse battery staple"


def from_file(kind: str, passphrase: bytes | None) -> Signer:
    """A signer whose key was written to a file and read again."""
    return KeySigner.load(KeySigner(new_key(kind)).encoded(passphrase), passphrase)


# The contract. Each further kind of signer gets a line here.

SIGNERS: dict[str, Callable[[], Signer]] = {
    **{f"new {kind}": lambda kind=kind: KeySigner(new_key(kind)) for kind in ("p256", "p384", "rsa3072")},
    **{f"file {kind}": lambda kind=kind: from_file(kind, None) for kind in ("p256", "p384", "rsa3072")},
    "encrypted file": lambda: from_file("p256", WORDS),
}
each_signer = pytest.mark.parametrize("signer", [make() for make in SIGNERS.values()], ids=list(SIGNERS))


def accepted(signer: Signer, octets: bytes, signature: bytes) -> None:
    """Return if the signature is that of the signer's key."""
    algorithm = issuer_algorithm(signer.public_key).encoded
    signatures.verify(signer.public_key, algorithm=algorithm, signature=signature, signed=octets)


@each_signer
@pytest.mark.parametrize("octets", [b"", b"x", bytes(7000)], ids=len)
def test_signature_verifies_under_the_signers_own_key(signer: Signer, octets: bytes) -> None:
    """A signature over any octets verifies under the key that the signer names, over no others."""
    signature = signer.sign(octets, issuer_algorithm(signer.public_key))

    accepted(signer, octets, signature)
    with pytest.raises(InvalidSignature):
        accepted(signer, octets + b"x", signature)


@each_signer
def test_public_key_stays_the_same(signer: Signer) -> None:
    """The key does not change between two looks at it."""
    assert signer.public_key == signer.public_key


@each_signer
def test_several_threads_sign_at_a_time(signer: Signer) -> None:
    """Each of many concurrent calls gets the signature over its own octets."""
    algorithm = issuer_algorithm(signer.public_key)
    texts = [b"%d" % number for number in range(32)]
    with ThreadPoolExecutor(8) as threads:
        signed = list(threads.map(lambda octets: signer.sign(octets, algorithm), texts))

    for octets, signature in zip(texts, signed, strict=True):
        accepted(signer, octets, signature)


@each_signer
def test_algorithm_of_another_type_of_key_is_an_error_of_the_signer(signer: Signer) -> None:
    """A signer that cannot do what it is asked for says so, and signs nothing else instead."""
    for kind in ("p256", "rsa3072"):
        algorithm = issuer_algorithm(KeySigner(new_key(kind)).public_key)
        if (algorithm == issuer_algorithm(rsa_private(3072).public_key())) != signer.is_slow:
            with pytest.raises(SignerError):
                signer.sign(b"", algorithm)


@each_signer
def test_nothing_of_the_key_is_shown(signer: Signer) -> None:
    """A signer's representation is that of a bare object: no key, no number of it."""
    assert repr(signer).startswith("<connector.")
    assert "key" not in repr(signer).lower().replace("keysigner", "")


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa3072"])
def test_issuer_takes_no_signer_of_another_key(kind: str) -> None:
    """A signer whose key is not that of the certificate is refused before anything is signed."""
    issuer = make_issuer(kind, now=NOW)
    with pytest.raises(ValueError, match="key is not that of"):
        Issuer(issuer.certificate, KeySigner(ec.generate_private_key(ec.SECP256R1())), issuer.root)


# Signers that do not keep it


@pytest.mark.parametrize(("kind", "wrong"), list(product(("p256", "p384"), WRONG)))
def test_what_does_not_verify_never_becomes_a_certificate(kind: str, wrong: str) -> None:
    """Whatever a signer answers, a certificate comes of it only if the signature is the issuer's over the plan."""
    issuer = issuer_with(WRONG[wrong], now=NOW, kind=kind)

    with pytest.raises(WrongSignature):
        issue(issuer, REQUEST, now=NOW)
    with pytest.raises(WrongSignature):
        issuer.prove()


def test_signer_gets_the_octets_of_the_plan_once() -> None:
    """The to-be-signed octets are written once: those that are signed are those that are in the certificate."""
    asked: list[bytes] = []

    def watch(good: KeySigner) -> Callable[[bytes, IssuerAlgorithm], bytes]:
        def sign(octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
            asked.append(octets)
            return good.sign(octets, algorithm)

        return sign

    issuer = issuer_with(watch, now=NOW)
    plan = PROFILE.plan(REQUEST, HOLDER, authority=issuer.authority, serial=fresh_serial(NOW), now=NOW)
    encoded = issuer.sign(plan)

    assert asked == [plan.to_be_signed()]
    assert asked[0] in encoded


def test_signer_that_is_away_is_told_apart_from_one_that_lies() -> None:
    """A signer's own error reaches the caller as it is."""

    def away(_good: KeySigner) -> Callable[[bytes, IssuerAlgorithm], bytes]:
        def sign(_octets: bytes, _algorithm: IssuerAlgorithm) -> bytes:
            raise SignerError("the device was pulled out")

        return sign

    issuer = issuer_with(away, now=NOW)
    for ask in (lambda: issue(issuer, REQUEST, now=NOW), issuer.prove):
        with pytest.raises(SignerError, match="pulled out"):
            ask()
