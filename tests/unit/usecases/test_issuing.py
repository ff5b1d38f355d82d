"""Issuing: one way to a certificate, and what comes of signers that are away, slow, or lie."""

import ast
import asyncio
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from tests.support.authority import ISSUER, START, World
from tests.support.issuing import DAY, make_issuer, only
from tests.support.memory.store import MemoryStore
from tests.support.signers import WRONG, Answer, issuer_with

from connector.client import make_csr, make_key
from connector.domain.refusals.issuers import IssuerUnknown, SignerUnavailable
from connector.domain.tokens import Minted
from connector.pki.issuer import Issuer
from connector.pki.signatures import IssuerAlgorithm
from connector.pki.signer import KeySigner, SignerError
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Store
from connector.storage import open_sqlite
from connector.usecases.signing import MOST_THREADS, Signing

SOURCE = Path(__file__).parents[3] / "src" / "connector"


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Any) -> World:
    """A world on each kind of store."""
    store: Store = MemoryStore() if request.param == "memory" else open_sqlite(tmp_path / "connector.db")
    return World(store)


def with_issuer(world: World, issuer: Issuer, limit: timedelta = timedelta(seconds=10)) -> None:
    """Let that issuer sign."""
    world.enrollment = replace(world.enrollment, issuers=only(issuer, now=START), signing=Signing(limit))


async def handed(world: World) -> tuple[Minted, str]:
    """A token that was handed over, and a CSR for it."""
    tenant = await world.tenant()
    minted = await world.hand_over(tenant, await world.register(tenant))
    subject = world.enrollment.subject_text(minted.token.system_auth_id)
    return minted, b64encode(make_csr(make_key(), subject)).decode()


async def assert_nothing_was_done(world: World, minted: Minted, csr: str) -> None:
    """No certificate and no refusal is recorded, and the token is good: with a sound signer it brings a certificate."""
    which = CertificateFilter(minted.token.tenant_id)
    token, certificates = await world.store.read(
        lambda tx: (tx.tokens.find(minted.token.digest), tx.inventory.list(which))
    )
    assert token == minted.token
    assert not certificates
    with_issuer(world, ISSUER)
    assert (await world.enroll(minted.secret.text, None, csr)).issuer == ISSUER.fingerprint


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
def test_signer_that_lies_costs_nothing(world: World, wrong: str, *, is_slow: bool) -> None:
    """Whatever a signer answers that is not the issuer's signature: nothing leaves and nothing is spent."""

    async def scenario() -> None:
        minted, csr = await handed(world)
        with_issuer(world, issuer_with(WRONG[wrong], now=START, is_slow=is_slow))
        with pytest.raises(SignerUnavailable):
            await world.enroll(minted.secret.text, None, csr)
        await assert_nothing_was_done(world, minted, csr)

    asyncio.run(scenario())


@pytest.mark.parametrize("is_slow", [False, True])
def test_signer_that_fails_costs_nothing(world: World, *, is_slow: bool) -> None:
    """A signer that is away: nothing leaves and nothing is spent; with the signer back, the same token is good."""

    def away(_good: KeySigner) -> Answer:
        def sign(_octets: bytes, _algorithm: IssuerAlgorithm) -> bytes:
            raise SignerError("the device was pulled out")

        return sign

    async def scenario() -> None:
        minted, csr = await handed(world)
        with_issuer(world, issuer_with(away, now=START, is_slow=is_slow))
        with pytest.raises(SignerUnavailable) as caught:
            await world.enroll(minted.secret.text, None, csr)
        assert "pulled out" not in str(caught.value)
        assert "pulled out" in str(caught.value.__cause__)
        await assert_nothing_was_done(world, minted, csr)

    asyncio.run(scenario())


def test_signer_that_hangs_is_not_waited_for(world: World) -> None:
    """A signer that never answers is given up after the limit, however many ask; others are served meanwhile."""
    released = threading.Event()

    def hang(good: KeySigner) -> Answer:
        def sign(octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
            released.wait(60)
            return good.sign(octets, algorithm)

        return sign

    async def scenario() -> None:
        minted, csr = await handed(world)
        with_issuer(world, issuer_with(hang, now=START, is_slow=True), timedelta(milliseconds=300))
        calls = [world.enroll(minted.secret.text, None, csr) for _ in range(MOST_THREADS + 8)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {SignerUnavailable}
        with pytest.raises(SignerUnavailable):
            await world.enrollment.signing.prove(world.enrollment.issuers.signing)
        await assert_nothing_was_done(world, minted, csr)
        released.set()

    asyncio.run(scenario())


def test_late_signature_is_dropped(world: World) -> None:
    """A signature that comes after its time limit makes no certificate."""

    def late(good: KeySigner) -> Answer:
        def sign(octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
            sleep(0.3)
            return good.sign(octets, algorithm)

        return sign

    async def scenario() -> None:
        minted, csr = await handed(world)
        with_issuer(world, issuer_with(late, now=START, is_slow=True), timedelta(milliseconds=50))
        with pytest.raises(SignerUnavailable):
            await world.enroll(minted.secret.text, None, csr)
        await asyncio.sleep(0.5)
        await assert_nothing_was_done(world, minted, csr)

    asyncio.run(scenario())


def test_replay_comes_with_the_chain_of_its_own_issuer(world: World) -> None:
    """After another issuer has taken over, a step that is answered again brings the old certificate under the issuer
    that signed it, though both issuers have one name.
    """

    async def scenario() -> None:
        minted, csr = await handed(world)
        first = await world.enroll(minted.secret.text, None, csr, "one")
        assert world.enrollment.issuers.chain(first.issuer) == (ISSUER.der,)
        other = make_issuer(now=START, validity=3600 * DAY)
        assert other.certificate.subject == ISSUER.certificate.subject
        world.enrollment = replace(world.enrollment, issuers=only(other, ISSUER, now=START))
        again = await world.enroll(minted.secret.text, None, csr, "one")
        assert again == first
        assert world.enrollment.issuers.chain(again.issuer) == (ISSUER.der,)
        renewed = await world.renew(first.fingerprint, csr)
        assert world.enrollment.issuers.chain(renewed.issuer) == (other.der,)

    asyncio.run(scenario())


def test_unknown_issuer_has_no_chain() -> None:
    """Where the issuer's certificate is not known, no other's is given in its place."""
    with pytest.raises(IssuerUnknown):
        only(ISSUER, now=START).chain(bytes(32))


# No other way


def calls_in(path: Path) -> Iterator[str]:
    """The names of what a module calls, the last part of each."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            yield function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def callers(name: str) -> set[str]:
    """The modules that call something of that name."""
    return {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if name in calls_in(path)}


def importers(module: str) -> set[str]:
    """The modules that import from that one, under whatever name."""
    return {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{module}."))
        or (isinstance(node, ast.ImportFrom) and module in {f"{node.module}.{alias.name}" for alias in node.names})
        or (isinstance(node, ast.Import) and module in {alias.name for alias in node.names})
    }


def reads(name: str) -> set[str]:
    """The modules in which an attribute of that name is read."""
    return {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == name
    }


def test_there_is_no_other_way_to_a_certificate() -> None:
    """Client certificates are planned, signed and recorded by issuing alone, and grants are made by admission alone.

    A certificate is made in the program only where its octets are assembled (pki/plan.py, for pki/issuer.py). Issuers
    sign for issuing, and for our own server; CRLs are signed beside them. Nothing hands a key to a library that would
    sign with it.
    """
    assert callers("Grant") == {"usecases/admission.py"}
    assert callers("Admission") == {"usecases/enrollment.py"}
    assert callers("issue") == {"usecases/enrollment.py", "serving/certificates.py"}  # the latter: its own callable
    assert callers("Issuing") == {"usecases/enrollment.py"}
    assert callers("signed") == {"pki/issuer.py"}
    assert callers("to_be_signed") == {"pki/issuer.py", "pki/ocsp.py"}  # the latter: its own method, of an answer
    assert callers("CertificateBuilder") == set()
    # The last reads rows; adoption records what another CA issued, and has nothing signed.
    assert callers("Certificate") == {"usecases/issuing.py", "usecases/adoption.py", "storage/certificates.py"}
    assert importers("connector.pki.signer") == {
        *("pki/issuer.py", "system/keystore.py", "usecases/signing.py"),
        *("pki/crl.py", "usecases/crl_publishing.py", "bootstrap/crls.py"),  # they have CRLs signed
        *("pki/ocsp.py", "usecases/ocsp.py"),  # responders' keys, which sign answers
    }
    assert importers("connector.pki.plan") == {
        *("pki/exact.py", "pki/issuer.py", "pki/profile.py"),
        *("usecases/issuing.py", "usecases/signing.py"),
    }
    assert importers("connector.usecases.signing") == {
        *("usecases/enrollment.py", "usecases/issuing.py"),
        "usecases/crl_publishing.py",  # it waits for a signer in the same way
        "usecases/ocsp.py",  # it has the certificates of responders signed
    }
    adding = {module for module in reads("inventory") if calls_add(SOURCE / module)}
    assert adding == {"usecases/issuing.py", "usecases/adoption.py"}


def calls_add(path: Path) -> bool:
    """Whether the module adds to an inventory."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add"
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "inventory"
        for node in ast.walk(ast.parse(path.read_text()))
    )
