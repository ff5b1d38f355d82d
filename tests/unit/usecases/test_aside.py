"""What takes long does not keep the event loop."""

import asyncio
import threading
from base64 import b64encode
from dataclasses import replace
from secrets import token_bytes

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.support.authority import ISSUER, START, World
from tests.support.csr import PrivateKey, make_csr
from tests.support.issuing import make_issuer, only
from tests.support.memory.store import MemoryStore
from tests.support.signers import Hostile
from tests.vectors.keys import rsa_private

from connector.domain.refusals.csr import CSRKeyRefused
from connector.pki.issuer import Issuer
from connector.pki.signatures import IssuerAlgorithm
from connector.usecases.issuing import LONG_CSR

RSA_2048 = rsa_private(2048)
QUICK = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def rsa_issuer() -> Issuer:
    return make_issuer("rsa3072", now=START, validity=ISSUER.certificate.not_valid_after_utc - START)


def signs_in(key: PrivateKey, times: int = 1) -> bool:
    """Whether the certificate for this key is made in the event loop's own thread."""
    world = World(MemoryStore())
    threads: list[int] = []

    def random(octets: int) -> bytes:
        threads.append(threading.get_ident())
        return token_bytes(octets)

    async def scenario() -> None:
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant))
        world.enrollment = replace(world.enrollment, random=random)
        name = world.enrollment.policy.profiles.default.csr.subject.name(minted.token.system_auth_id)
        issued = await world.enroll(minted.secret.text, None, b64encode(make_csr(key, name=name)).decode())
        for _ in range(times - 1):
            issued = await world.renew(issued.fingerprint, b64encode(make_csr(key, name=name)).decode())

    asyncio.run(scenario())
    (thread,) = {thread == threading.get_ident() for thread in threads}
    assert len(threads) == times
    return thread


@pytest.mark.parametrize("key", QUICK.values(), ids=QUICK)
def test_a_quick_key_stays(key: PrivateKey) -> None:
    """A certificate for an elliptic key is made at once: a thread would cost more than it spares."""
    assert signs_in(key, times=2)


def test_an_rsa_key_goes_aside() -> None:
    """A CSR for an RSA key is checked in a thread, when enrolling and when renewing: meanwhile others are served."""
    assert not signs_in(RSA_2048, times=2)


def test_an_rsa_issuer_signs_aside() -> None:
    """Where the issuer's key is RSA, every certificate is signed in a thread; an elliptic key signs at once."""
    assert signed_in(rsa_issuer()) != threading.get_ident()
    assert signed_in(ISSUER) == threading.get_ident()


def signed_in(issuer: Issuer) -> int:
    """The thread in which the issuer's signer is called."""
    world, threads = World(MemoryStore()), []

    def watch(octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
        threads.append(threading.get_ident())
        return issuer.signer.sign(octets, algorithm)

    signer = Hostile(issuer.signer.public_key, watch, issuer.is_slow)

    async def scenario() -> None:
        world.enrollment = replace(
            world.enrollment, issuers=only(Issuer(issuer.certificate, signer, issuer.root), now=START)
        )
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant))
        name = world.enrollment.policy.profiles.default.csr.subject.name(minted.token.system_auth_id)
        await world.enroll(minted.secret.text, None, b64encode(make_csr(QUICK["p256"], name=name)).decode())

    asyncio.run(scenario())
    (thread,) = threads
    return thread


def test_no_csr_for_rsa_is_short() -> None:
    """The length tells: the shortest subject and the smallest RSA key that is accepted make a long CSR."""
    smallest = make_csr(RSA_2048, name=World(MemoryStore()).enrollment.policy.profiles.default.csr.subject.name("x"))

    assert len(b64encode(smallest)) >= LONG_CSR


def test_a_refusal_comes_out_of_the_thread() -> None:
    """What is refused aside is refused as everything else is: by its name, and counted against the token."""
    world = World(MemoryStore())

    async def scenario() -> None:
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant))
        name = world.enrollment.policy.profiles.default.csr.subject.name(minted.token.system_auth_id)
        csr = b64encode(make_csr(rsa_private(3072, 3), name=name)).decode()
        with pytest.raises(CSRKeyRefused, match="exponent"):
            await world.enroll(minted.secret.text, None, csr)
        found = await world.store.read(lambda tx: tx.tokens.find(minted.token.digest))

        assert found is not None
        assert found.refusals == 1

    asyncio.run(scenario())
