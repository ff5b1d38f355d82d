"""How much there is of what quotas limit, over every store."""

from datetime import timedelta

from tests.integration.contract.conftest import Stored
from tests.support.records import EXPIRY, NOW, certificate, entity, identifier, tenant, token

from connector.domain.certificates import RevocationReason
from connector.domain.directory import EntityKind
from connector.ports.certificates import CertificateFilter
from connector.ports.quotas import Certified
from connector.ports.transaction import Transaction

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
TENANT, OTHER = tenant(1).id, tenant(2).id
AUTH, OTHER_AUTH = identifier(1), identifier(2)


def certify(stored: Stored, *ages: timedelta, first: int = 1, **changes: object) -> None:
    """Certificates of these ages, each good for a day."""

    def add(tx: Transaction) -> None:
        for number, age in enumerate(ages, first):
            made = NOW - age
            changed = {"issued_at": made, "not_before": made, "not_after": made + DAY, **changes}
            tx.inventory.add(certificate(number, **changed))

    stored.write(add)


def test_issued_certificates_are_counted_from_a_moment_on(furnished: Stored) -> None:
    """Those of one system auth, later than the moment, newest first, and no more than asked for."""
    certify(furnished, DAY, DAY - SECOND, MINUTE, timedelta(0))
    certify(furnished, MINUTE, first=9, system_auth_id=OTHER_AUTH)

    found = furnished.read(lambda tx: tx.usage.issued(AUTH, since=NOW - DAY, most=10))
    assert list(found) == [NOW, NOW - MINUTE, NOW - DAY + SECOND]
    assert list(furnished.read(lambda tx: tx.usage.issued(AUTH, since=NOW - DAY, most=2))) == [NOW, NOW - MINUTE]


def test_good_certificates_are_neither_expired_nor_revoked(furnished: Stored) -> None:
    """Superseded ones count, to the last instant of their validity; the last to expire comes first."""
    certify(furnished, DAY, DAY + SECOND, MINUTE, timedelta(0))
    furnished.write(lambda tx: tx.inventory.supersede(certificate(4), now=NOW))
    revoked = CertificateFilter(TENANT, serial="3")
    furnished.write(lambda tx: tx.inventory.revoke(revoked, RevocationReason.UNSPECIFIED, now=NOW))

    assert list(furnished.read(lambda tx: tx.usage.good(AUTH, now=NOW, most=10))) == [NOW + DAY, NOW]
    assert list(furnished.read(lambda tx: tx.usage.good(AUTH, now=NOW, most=1))) == [NOW + DAY]
    assert furnished.read(lambda tx: tx.usage.certificates(TENANT, now=NOW, most=10)) == 2
    assert furnished.read(lambda tx: tx.usage.certificates(TENANT, now=NOW, most=1)) == 1
    assert furnished.read(lambda tx: tx.usage.certificates(OTHER, now=NOW, most=10)) == 0


def test_an_owners_certificates_are_counted_by_system_auth(furnished: Stored) -> None:
    """Issued since then and good, for each system auth of that owner of that tenant."""
    certify(furnished, DAY, MINUTE, timedelta(0))
    certify(furnished, MINUTE, first=7, system_auth_id=OTHER_AUTH)
    certify(furnished, MINUTE, first=8, owner_id=identifier(8))

    found = furnished.read(lambda tx: tx.usage.certified(TENANT, entity().id, since=NOW - DAY, now=NOW))
    assert found == {AUTH: Certified(issued=2, good=3), OTHER_AUTH: Certified(issued=1, good=1)}
    assert furnished.read(lambda tx: tx.usage.certified(OTHER, entity().id, since=NOW - DAY, now=NOW)) == {}


def test_tokens_are_counted_by_minting_and_by_what_became_of_them(furnished: Stored) -> None:
    """Minted since then, for a system auth; still to be redeemed, for a tenant; not expired, for all tenants."""

    def add(tx: Transaction) -> None:
        tx.tokens.add(token(1, minted_at=NOW - MINUTE))
        tx.tokens.add(token(2, minted_at=NOW))
        tx.tokens.add(token(3, minted_at=NOW - SECOND, expires_at=NOW))
        tx.tokens.add(token(4, minted_at=NOW - SECOND, tenant_id=OTHER, system_auth_id=OTHER_AUTH, expires_at=EXPIRY))
        tx.tokens.redeem(token(1), now=NOW)

    furnished.write(add)

    assert list(furnished.read(lambda tx: tx.usage.minted(AUTH, since=NOW - MINUTE, most=9))) == [NOW, NOW - SECOND]
    assert list(furnished.read(lambda tx: tx.usage.minted(AUTH, since=NOW - MINUTE, most=1))) == [NOW]
    assert furnished.read(lambda tx: tx.usage.tokens(TENANT, now=NOW, most=9)) == 1
    assert furnished.read(lambda tx: tx.usage.unexpired_tokens(now=NOW, most=9)) == 3
    assert furnished.read(lambda tx: tx.usage.unexpired_tokens(now=NOW, most=2)) == 2


def test_entities_are_counted_by_kind_up_to_a_limit(furnished: Stored) -> None:
    """Those of one tenant and kind, and no further than asked."""

    def add(tx: Transaction) -> None:
        for number in (2, 3):
            tx.directory(TENANT).add_entity(entity(number))
        tx.directory(TENANT).add_entity(entity(4, kind=EntityKind.RUNTIME))

    furnished.write(add)

    def count(tenant_id: str, kind: EntityKind, most: int) -> int:
        return furnished.read(lambda tx: tx.usage.entities(tenant_id, kind, most=most))

    assert count(TENANT, EntityKind.APPLICATION, 10) == 3
    assert count(TENANT, EntityKind.APPLICATION, 2) == 2
    assert count(TENANT, EntityKind.RUNTIME, 10) == 1
    assert count(OTHER, EntityKind.APPLICATION, 10) == 0
