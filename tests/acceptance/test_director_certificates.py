"""Certificates over the Director API: found by each filter, and revoked for their holder's very next request."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from tests.support.director import Director, director
from tests.support.server import Identity, Server, obtain

from connector.client import Refused

FIELDS = """serial fingerprint state subject notBefore notAfter issuedAt supersededAt revokedAt revocationReason
    systemAuthID ownerID ownerType ownerName tenantID pem"""
FIND = "query ($filter: CertificateFilter) { result: certificates(filter: $filter) { data { serial } totalCount } }"
ONE = f"query ($serial: String!) {{ result: certificate(serial: $serial) {{ {FIELDS} }} }}"
REVOKE = f"""mutation ($serial: String!, $reason: RevocationReason!) {{
    result: revokeCertificate(serial: $serial, reason: $reason) {{ {FIELDS} }}
}}"""
STATUS = "query ($id: ID!) { result: application(id: $id) { status { condition timestamp } } }"


class Held(NamedTuple):
    """Somebody's certificate: who, under which system auth, and the files."""

    owner: str
    auth: str
    identity: Identity

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.identity.chain.read_bytes())[0]

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:x}"


def enrolled(admin: Director, name: str, directory: Path, kind: str = "Application") -> Held:
    owner = admin.register(name, kind)
    identity = admin.enroll(owner, directory / name, kind)
    return Held(owner, admin.auths(owner, kind.lower())[0], identity)


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "certificates") as caller:
        yield caller


@pytest.fixture(scope="module")
def shop(admin: Director, tmp_path_factory: pytest.TempPathFactory) -> Held:
    return enrolled(admin, "The Shop", tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def cluster(admin: Director, tmp_path_factory: pytest.TempPathFactory) -> Held:
    """A runtime with a certificate that has been renewed, and then revoked."""
    held = enrolled(admin, "cluster", tmp_path_factory.mktemp("cluster"), "Runtime")
    with admin.server.holder(held.identity) as client:
        told = client.configuration(admin.server.mtls_connector)
        obtain(client, told.connector_url, told, held.identity.key.parent / "renewed")
    return held


@pytest.fixture(scope="module")
def revoked(admin: Director, tmp_path_factory: pytest.TempPathFactory) -> Held:
    held = enrolled(admin, "shut down", tmp_path_factory.mktemp("revoked"))
    admin.ask(REVOKE, {"serial": held.serial, "reason": "keyCompromise"})
    return held


def find(admin: Director, **which: Any) -> list[str]:
    found = admin.ask(FIND, {"filter": which})
    serials = [each["serial"] for each in found["data"]]
    assert found["totalCount"] == len(serials)
    return serials


def _enough(everything: list[str], serial: str) -> str:
    """The shortest beginning of the serial number that no other has: they begin with the time, so it may be long."""
    return next(
        serial[:length]
        for length in range(1, len(serial) + 1)
        if sum(each.startswith(serial[:length]) for each in everything) == 1
    )


def refusals(admin: Director, held: Held, revoke: str, variables: dict[str, Any]) -> Any:
    """What the revocation answers. Its holder is let in before and refused after, over the same connection."""
    viewer, configuration = "{ result: viewer { id } }", "{ result: configuration { token { token } } }"
    with admin.server.holder(held.identity) as client:
        assert client.query(admin.server.mtls_director, viewer) == {"id": held.owner}
        client.query(admin.server.mtls_connector, configuration)
        answer = admin.ask(revoke, variables)
        for url, document in [(admin.server.mtls_director, viewer), (admin.server.mtls_connector, configuration)]:
            with pytest.raises(Refused) as refused:
                client.query(url, document)
            assert refused.value.code == "certificate_revoked"
    return answer


def test_all_that_is_kept(admin: Director, shop: Held) -> None:
    """A certificate's record says what the certificate says; the serial number may be written as openssl shows it."""
    kept = admin.ask(ONE, {"serial": shop.serial})
    certificate = shop.certificate

    assert x509.load_pem_x509_certificate(kept["pem"].encode()) == certificate
    assert kept["fingerprint"] == certificate.fingerprint(SHA256()).hex()
    assert datetime.fromisoformat(kept["notAfter"]) == certificate.not_valid_after_utc
    assert datetime.fromisoformat(kept["notBefore"]) == certificate.not_valid_before_utc
    assert kept["subject"] == certificate.subject.rfc4514_string()
    assert (kept["ownerID"], kept["ownerType"], kept["ownerName"]) == (shop.owner, "APPLICATION", "The Shop")
    assert (kept["systemAuthID"], kept["state"], kept["revokedAt"]) == (shop.auth, "issued", None)
    octets = bytes.fromhex(shop.serial.zfill(len(shop.serial) + len(shop.serial) % 2))
    for spelled in (shop.serial.upper(), octets.hex(":"), f"00{shop.serial}"):
        assert admin.ask(ONE, {"serial": spelled}) == kept
    assert [admin.ask(ONE, {"serial": wrong}) for wrong in ("", "0", "zz", shop.serial[:-1])] == [None] * 4


def test_each_filter(admin: Director, shop: Held, cluster: Held, revoked: Held) -> None:
    """By owner, system auth, state, time of expiry and text: each finds what fits, and all of them together too."""
    everything = find(admin)
    renewed = find(admin, ownerID=cluster.owner)

    assert set(everything) >= {shop.serial, revoked.serial, *renewed}
    assert find(admin, ownerID=shop.owner) == [shop.serial]
    assert renewed[1:] == [cluster.serial]  # the newest first
    assert find(admin, systemAuthID=cluster.auth) == renewed
    assert find(admin, systemAuthID=cluster.auth, ownerID=shop.owner) == []
    states = {state: find(admin, state=state) for state in ("issued", "superseded", "revoked", "expired")}
    assert (states["superseded"], states["expired"]) == ([cluster.serial], [])
    assert revoked.serial in states["revoked"]
    assert sorted(chain.from_iterable(states.values())) == sorted(everything)
    for text in (
        "shop",
        "THE SH",
        shop.auth,
        _enough(everything, shop.serial),
        shop.certificate.fingerprint(SHA256()).hex()[:11],
    ):
        assert find(admin, text=text) == [shop.serial]
    for text in ("%", "_", "The_Shop", shop.serial[1:], "nobody", shop.auth[:-1]):
        assert find(admin, text=text) == []


def test_the_window(admin: Director, shop: Held, revoked: Held) -> None:
    """Both ends of the window of expiry belong to it."""
    end = shop.certificate.not_valid_after_utc
    second = timedelta(seconds=1)
    windows = {
        (end, end): True,
        (end - second, end + second): True,
        (end + second, None): False,
        (None, end - second): False,
        (None, end): True,
    }
    for (first, last), is_within in windows.items():
        which = {"expiresFrom": first and first.isoformat(), "expiresTo": last and last.isoformat()}
        assert (shop.serial in find(admin, **which)) is is_within


@pytest.mark.parametrize(
    "which",
    [
        {"text": ""},
        {"text": "x" * 201},
        {"state": "good"},
        {"expiresTo": "tomorrow"},
        {"expiresTo": "2026-01-31T12:00:00"},
        {"expiresTo": "9999-12-31T23:59:59-23:00"},
        {"expiresFrom": 0},
        {"owner": "x"},
    ],
)
def test_filters_that_cannot_be_read(admin: Director, which: dict[str, Any]) -> None:
    """A filter that means nothing is refused, and not passed over."""
    assert admin.refused(FIND, {"filter": which}).error_code == 22


def test_the_tenant_in_the_filter(admin: Director, shop: Held, revoked: Held) -> None:
    """The filter's tenant counts in place of the header's, with the same right to it."""
    assert shop.serial in find(admin.at(), tenant="certificates")
    assert find(admin, tenant="default", ownerID=shop.owner) == []
    assert admin.at().refused(FIND, {"filter": {}}).error_code == 24
    assert admin.refused(FIND, {"filter": {"tenant": "nowhere"}}).error_code == 25


def test_revoking_one(admin: Director, tmp_path: Path) -> None:
    """A revocation has a reason and a time, which stay; the owner's status tells that it has nothing good any more."""
    held = enrolled(admin, "one", tmp_path)
    assert admin.ask(STATUS, {"id": held.owner})["status"]["condition"] == "CONNECTED"
    kept = refusals(admin, held, REVOKE, {"serial": held.serial.upper(), "reason": "keyCompromise"})

    assert (kept["state"], kept["revocationReason"]) == ("revoked", "keyCompromise")
    assert admin.ask(REVOKE, {"serial": held.serial, "reason": "superseded"}) == kept
    assert admin.events(serial=held.serial)[-1] == ("certificate.revoked", "keyCompromise")
    status = admin.ask(STATUS, {"id": held.owner})["status"]
    assert status == {"condition": "FAILED", "timestamp": kept["revokedAt"]}
    assert admin.refused(REVOKE, {"serial": "abc", "reason": "superseded"}).error_code == 20
    assert admin.refused(REVOKE, {"serial": held.serial, "reason": "certificateHold"}).error_code == 22
    assert admin.open_tokens(held.owner) == 0


def test_revoking_those_of_a_system_auth(admin: Director, tmp_path: Path) -> None:
    """Those of the system auth are revoked, and no other of the same owner."""
    held = enrolled(admin, "of auth", tmp_path)
    other = Held(held.owner, "", admin.enroll(held.owner, tmp_path / "other"))
    document = "mutation ($id: ID!) { result: revokeCertificatesOfSystemAuth(authID: $id) }"

    assert refusals(admin, held, document, {"id": held.auth}) == 1
    assert find(admin, ownerID=held.owner, state="issued") == [other.serial]
    assert admin.ask(document, {"id": held.auth}) == 0
    assert admin.refused(document, {"id": held.owner}).error_code == 20


@pytest.mark.parametrize(("kind", "other"), [("Application", "Runtime"), ("Runtime", "Application")])
def test_revoking_those_of_an_owner(admin: Director, tmp_path: Path, kind: str, other: str) -> None:
    """All certificates of an application or a runtime are revoked; by the other kind's mutation it is not found."""
    held = enrolled(admin, f"owner-{kind.lower()}", tmp_path, kind)
    admin.enroll(held.owner, tmp_path / "other", kind)
    document = "mutation ($id: ID!) {{ result: revokeCertificatesOf{}(id: $id, reason: affiliationChanged) }}"
    assert admin.refused(document.format(other), {"id": held.owner}).error_code == 20

    assert refusals(admin, held, document.format(kind), {"id": held.owner}) == 2
    assert len(find(admin, ownerID=held.owner, state="revoked")) == 2
    assert admin.ask(ONE, {"serial": held.serial})["revocationReason"] == "affiliationChanged"


def test_revoking_those_of_a_tenant(admin: Director, shop: Held, tmp_path: Path) -> None:
    """All of the tenant are revoked, and none of another; its id has to be said twice."""
    there = admin.enter("certificates-all")
    held = enrolled(there, "first", tmp_path)
    enrolled(there, "second", tmp_path, "Runtime")
    document = "mutation ($id: ID!) { result: revokeCertificatesOfTenant(externalID: $id, reason: privilegeWithdrawn) }"
    assert there.refused(document, {"id": "certificates"}).error_code == 22
    assert find(there, state="revoked") == []

    assert refusals(there, held, document, {"id": "certificates-all"}) == 2
    assert find(there, state="issued") == []
    assert shop.serial in find(admin, state="issued")


@pytest.mark.parametrize(
    ("document", "reason", "left"),
    [
        ("mutation ($id: ID!) { result: unregisterApplication(id: $id) { id } }", "cessationOfOperation", None),
        ("mutation ($id: ID!) { result: unpairApplication(id: $id) { id } }", "privilegeWithdrawn", {"auths": []}),
    ],
)
def test_what_ends_an_owner_ends_its_certificates(
    admin: Director, tmp_path: Path, document: str, reason: str, left: object
) -> None:
    """To unregister or to unpair revokes every certificate and withdraws every token, in the one request."""
    held = enrolled(admin, f"ends {reason}", tmp_path)
    waiting = admin.token(held.owner)
    assert admin.open_tokens(held.owner) == 1

    assert refusals(admin, held, document, {"id": held.owner}) == {"id": held.owner}
    assert admin.open_tokens(held.owner) == 0
    with admin.server.bearer(waiting) as client, pytest.raises(Refused) as refused:
        client.configuration(admin.server.public_connector)
    assert refused.value.code == "token_withdrawn"
    kept = admin.ask(ONE, {"serial": held.serial})
    assert (kept["revocationReason"], kept["ownerName"]) == (reason, f"ends {reason}" if left else None)
    assert admin.ask("query ($id: ID!) { result: application(id: $id) { auths { id } } }", {"id": held.owner}) == left
