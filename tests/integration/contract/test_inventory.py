from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW, certificate, digest, entity, identifier, system_auth, tenant

from connector.domain.certificates import (
    Certificate,
    CertificateState,
    Condition,
    RevocationReason,
    Standing,
    TrustAnchor,
)
from connector.domain.refusals.objects import NotUniqueName
from connector.domain.refusals.steps import StepTaken
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction

INSTANT = timedelta(microseconds=1)
REASON = RevocationReason.KEY_COMPROMISE


def found(stored: Stored, number: int = 1) -> Certificate | None:
    """The certificate with that number, as it is stored now."""
    return stored.read(lambda tx: tx.inventory.find(digest(number)))


def numbers(stored: Stored, which: CertificateFilter) -> list[int]:
    """Which certificates fit, by their numbers."""
    return sorted(int(one.serial, 16) for one in stored.read(lambda tx: tx.inventory.list(which)))


def add(stored: Stored, *certificates: Certificate) -> None:
    def function(tx: Transaction) -> None:
        for one in certificates:
            tx.inventory.add(one)

    stored.write(function)


@pytest.mark.parametrize(
    "recorded",
    [
        certificate(serial="f" * 40, der=bytes(range(256)) * 8),
        certificate(superseded_at=NOW, revoked_at=LATER, revocation_reason=REASON),
        certificate(step=digest(5), request=digest(6), renewal_asked_at=NOW, lapsed_at=LATER),
    ],
)
def test_a_certificate_comes_back_as_it_was_recorded(stored: Stored, recorded: Certificate) -> None:
    """A certificate is found by its fingerprint in whatever state, octet by octet as it was recorded."""
    add(stored, recorded)

    assert found(stored) == recorded
    assert found(stored, 2) is None


@pytest.mark.parametrize("second", [certificate(2, fingerprint=digest(1)), certificate(2, serial="1")])
def test_fingerprint_and_serial_are_unique(stored: Stored, second: Certificate) -> None:
    """No two certificates have one fingerprint, or one serial number under one issuer."""
    add(stored, certificate())

    with pytest.raises(ValueError, match="recorded already"):
        add(stored, second)

    assert stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id))) == [certificate()]


def test_another_issuer_may_use_a_serial_again(stored: Stored) -> None:
    """A serial number is unique under its issuer only (RFC 5280 4.1.2.2)."""
    add(stored, certificate(), certificate(2, serial="1", issuer=digest(-3)))

    assert len(stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id, serial="1")))) == 2


def test_certificates_are_listed_by_filter_newest_first(stored: Stored) -> None:
    """A list holds the certificates that fit every given field, newest first: of one tenant."""
    kept = [
        certificate(1, issued_at=NOW),
        certificate(2, issued_at=NOW + 2 * INSTANT, system_auth_id=identifier(50)),
        certificate(3, issued_at=NOW + INSTANT, owner_id=identifier(51)),
        certificate(4, issued_at=NOW + 3 * INSTANT, tenant_id=identifier(52)),
    ]
    add(stored, *kept)

    def numbers(which: CertificateFilter) -> list[int]:
        return [kept.index(one) + 1 for one in stored.read(lambda tx: tx.inventory.list(which))]

    assert numbers(CertificateFilter(tenant().id)) == [2, 3, 1]
    assert numbers(CertificateFilter(tenant().id, serial="2")) == [2]
    assert numbers(CertificateFilter(tenant().id, fingerprint=digest(3))) == [3]
    assert numbers(CertificateFilter(tenant().id, system_auth_id=certificate().system_auth_id)) == [3, 1]
    assert numbers(CertificateFilter(tenant().id, owner_id=identifier(51))) == [3]
    assert numbers(CertificateFilter(tenant().id, issuer=certificate().issuer)) == [2, 3, 1]
    assert numbers(CertificateFilter(tenant().id, issuer=digest(3))) == []
    assert numbers(CertificateFilter(certificate().tenant_id)) == [2, 3, 1]
    assert numbers(CertificateFilter(certificate().tenant_id, serial="4")) == []


def test_a_certificate_is_superseded_once(stored: Stored) -> None:
    """The first time that a certificate is superseded stays; one that is not recorded stays unknown."""
    add(stored, certificate())

    stored.write(lambda tx: tx.inventory.supersede(certificate(), now=NOW))
    stored.write(lambda tx: tx.inventory.supersede(certificate(), now=LATER))
    stored.write(lambda tx: tx.inventory.supersede(certificate(2), now=LATER))

    assert stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id))) == [certificate(superseded_at=NOW)]


def test_the_first_revocation_stays(stored: Stored) -> None:
    """To revoke marks those that fit and are good, and returns them as they are then; time and reason never change."""
    older = certificate(2, issued_at=NOW - INSTANT, superseded_at=NOW)
    other = certificate(3, system_auth_id=identifier(50))
    add(stored, certificate(1), older, other)
    which = CertificateFilter(tenant().id, system_auth_id=certificate().system_auth_id)

    revoked = stored.write(lambda tx: tx.inventory.revoke(which, REASON, now=NOW))
    again = stored.write(lambda tx: tx.inventory.revoke(which, RevocationReason.UNSPECIFIED, now=LATER))

    assert revoked == [replace(one, revoked_at=NOW, revocation_reason=REASON) for one in (certificate(1), older)]
    assert again == []
    assert [found(stored, number) for number in (1, 2, 3)] == [*revoked, other]


END = certificate().not_after

STATES = {
    1: certificate(1),
    2: certificate(2, superseded_at=NOW),
    3: certificate(3, revoked_at=NOW, revocation_reason=REASON),
    4: certificate(4, superseded_at=NOW, revoked_at=LATER, revocation_reason=REASON),
    5: certificate(5, not_after=LATER),
    6: certificate(6, not_after=LATER, superseded_at=NOW),
    7: certificate(7, not_after=LATER, revoked_at=LATER, revocation_reason=REASON),
}


@pytest.mark.parametrize(
    ("state", "now", "fitting"),
    [
        (CertificateState.ISSUED, LATER, [1, 5]),
        (CertificateState.ISSUED, LATER + INSTANT, [1]),
        (CertificateState.ISSUED, END + INSTANT, []),
        (CertificateState.SUPERSEDED, LATER, [2, 6]),
        (CertificateState.SUPERSEDED, LATER + INSTANT, [2]),
        (CertificateState.EXPIRED, LATER, []),
        (CertificateState.EXPIRED, LATER + INSTANT, [5, 6]),
        (CertificateState.EXPIRED, END, [5, 6]),
        (CertificateState.EXPIRED, END + INSTANT, [1, 2, 5, 6]),
        (CertificateState.REVOKED, NOW, [3, 4, 7]),
        (CertificateState.REVOKED, END + INSTANT, [3, 4, 7]),
    ],
)
def test_certificates_by_state(stored: Stored, state: CertificateState, now: datetime, fitting: list[int]) -> None:
    """A state is found as the record itself tells it at that time: the last instant of not_after is within."""
    add(stored, *STATES.values())
    which = CertificateFilter(tenant().id, state=state, now=now)

    assert numbers(stored, which) == fitting
    assert fitting == [number for number, one in STATES.items() if one.state(now=now) is state]
    assert stored.read(lambda tx: tx.inventory.count(which)) == len(fitting)


@pytest.mark.parametrize(
    ("window", "fitting"),
    [
        ({"expires_from": LATER}, [1, 2, 3]),
        ({"expires_from": LATER + INSTANT}, [2, 3]),
        ({"expires_to": LATER}, [1]),
        ({"expires_to": LATER - INSTANT}, []),
        ({"expires_from": LATER, "expires_to": LATER + INSTANT}, [1, 2]),
        ({"expires_from": END, "expires_to": LATER}, []),
        ({"expires_from": END, "serial": "3"}, [3]),
        ({"expires_from": END, "serial": "2"}, []),
    ],
)
def test_certificates_by_the_time_they_expire(stored: Stored, window: dict[str, Any], fitting: list[int]) -> None:
    """Both ends of the window are within it, and it goes together with the other fields."""
    add(stored, certificate(1, not_after=LATER), certificate(2, not_after=LATER + INSTANT), certificate(3))

    assert numbers(stored, CertificateFilter(tenant().id, **window)) == fitting


FIRST = bytes.fromhex("abc1") + bytes(30)
SECOND = bytes.fromhex("abcf") + bytes([0xFF]) * 30


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("d0", [1]),
        ("d0c", [1]),
        ("d0cd", []),
        ("0c", []),
        ("a", [1, 2, 3]),
        ("ab", [1, 2]),
        ("abc", [1, 2]),
        ("abc1", [1]),
        ("abc10", [1]),
        ("abcf", [2]),
        (FIRST.hex(), [1]),
        (SECOND.hex(), [2]),
        (SECOND.hex() + "f", []),
        ("abd", []),
        ("ABC1", []),
        ("e0", [2]),
        (identifier(50), [2]),
        (identifier(50)[:8], []),
        ("Shop", [1]),
        ("shop", [1]),
        ("ÜBER", [1]),
        ("über s", [1]),
        ("my_app", [3]),
        ("my_", [3]),
        ("y_a", [3]),
        ("_", [3]),
        ("myxapp", []),
        ("%", []),
        ("\\", []),
        ("/", []),
        ("*", []),
        ("o_b", []),
        ("\0", []),
        ("'", []),
        ("100", [3]),
    ],
)
def test_certificates_by_text(stored: Stored, text: str, fitting: list[int]) -> None:
    """Text is the beginning of a serial number or fingerprint, even half an octet of it, a whole id, or a part of the
    owner's name in any case. No character of it is a pattern.
    """
    mine = tenant().id
    names = {1: "Über Shop", 2: "robot", 3: "my_app 100", 4: "gone"}

    def furnish(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        for number, name in names.items():
            tx.directory(mine).add_entity(entity(number, name=name))
        tx.inventory.add(certificate(1, owner_id=identifier(1), serial="d0c", fingerprint=FIRST))
        tx.inventory.add(
            certificate(2, owner_id=identifier(2), serial="e0", fingerprint=SECOND, system_auth_id=identifier(50))
        )
        tx.inventory.add(certificate(3, owner_id=identifier(3), serial="77", fingerprint=bytes([0x55]) * 32))
        tx.inventory.add(certificate(4, owner_id=identifier(4), serial="88", fingerprint=bytes([0x99]) * 32))
        tx.directory(mine).remove_entity(entity(4, name="gone"))

    stored.write(furnish)
    serials = {"d0c": 1, "e0": 2, "77": 3, "88": 4}
    which = CertificateFilter(mine, text=text)

    read = stored.read(lambda tx: tx.inventory.list(which))
    assert sorted(serials[one.serial] for one in read) == fitting
    assert stored.read(lambda tx: tx.inventory.count(which)) == len(fitting)
    assert stored.read(lambda tx: tx.inventory.list(CertificateFilter(identifier(99), text=text))) == []


def test_the_name_of_another_tenants_entity_finds_nothing(stored: Stored) -> None:
    """A certificate is found by its owner's name in its own tenant alone, even were there an owner of the other's."""
    other = identifier(99)

    def furnish(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        tx.tenants.add(tenant(2, id=other))
        tx.directory(tenant().id).add_entity(entity(1, name="shop"))
        tx.inventory.add(certificate(1))
        tx.inventory.add(certificate(2, tenant_id=other, owner_id=identifier(5)))

    stored.write(furnish)

    assert numbers(stored, CertificateFilter(tenant().id, text="shop")) == [1]
    assert numbers(stored, CertificateFilter(other, text="shop")) == []


INITIAL, CONNECTED, LAPSED, BARRED = (identifier(number) for number in (60, 61, 62, 63))


def test_standings(stored: Stored) -> None:
    """Who never had a certificate is left out; who has a good one is connected since the newest of those was issued;
    who has none any more has failed since the last one expired or was revoked.
    """
    day = timedelta(days=1)
    add(
        stored,
        certificate(1, owner_id=CONNECTED, issued_at=NOW),
        certificate(2, owner_id=CONNECTED, issued_at=NOW + day, superseded_at=NOW + 2 * day),
        certificate(3, owner_id=CONNECTED, issued_at=NOW + 3 * day, revoked_at=NOW + 4 * day),
        certificate(4, owner_id=LAPSED, not_after=NOW + 5 * day),
        certificate(5, owner_id=LAPSED, revoked_at=NOW + 4 * day),
        certificate(6, owner_id=BARRED, not_after=NOW + 5 * day),
        certificate(7, owner_id=BARRED, revoked_at=NOW + 6 * day),
        certificate(8, owner_id=INITIAL, tenant_id=identifier(99)),
    )
    owners = [INITIAL, CONNECTED, LAPSED, BARRED]

    def standings(now: datetime) -> Mapping[str, Standing]:
        return stored.read(lambda tx: tx.inventory.standings(tenant().id, owners, now=now))

    assert standings(NOW + 5 * day) == {
        CONNECTED: Standing(Condition.CONNECTED, NOW + day),
        LAPSED: Standing(Condition.CONNECTED, NOW),
        BARRED: Standing(Condition.CONNECTED, NOW),
    }
    assert standings(NOW + 6 * day) == {
        CONNECTED: Standing(Condition.CONNECTED, NOW + day),
        LAPSED: Standing(Condition.FAILED, NOW + 5 * day),
        BARRED: Standing(Condition.FAILED, NOW + 6 * day),
    }
    assert standings(END + INSTANT)[CONNECTED] == Standing(Condition.FAILED, END)
    assert stored.read(lambda tx: tx.inventory.standings(tenant().id, [], now=NOW)) == {}


def test_standings_of_many_owners(stored: Stored) -> None:
    """However many owners are asked about, each stands once."""
    owners = [identifier(number) for number in range(1, 1201)]
    add(stored, *(certificate(number, owner_id=identifier(number), der=b"") for number in (1, 600, 1200)))

    standings = stored.read(lambda tx: tx.inventory.standings(tenant().id, owners, now=NOW))

    assert standings == {identifier(number): Standing(Condition.CONNECTED, NOW) for number in (1, 600, 1200)}


def test_system_auths_with_certificates(stored: Stored) -> None:
    """A system auth under which a certificate was ever issued is certified, in whatever state that is now."""
    add(
        stored,
        certificate(1, system_auth_id=identifier(1)),
        certificate(2, system_auth_id=identifier(2), revoked_at=NOW, not_after=NOW),
        certificate(3, system_auth_id=identifier(2)),
        certificate(4, system_auth_id=identifier(4), tenant_id=identifier(99)),
    )
    ids = [system_auth(number).id for number in range(1, 1201)]

    certified = stored.read(lambda tx: tx.inventory.certified(tenant().id, ids))

    assert certified == {identifier(1), identifier(2)}
    assert stored.read(lambda tx: tx.inventory.certified(tenant().id, ids[2:])) == frozenset()


def test_certificates_of_a_serial_number(stored: Stored) -> None:
    """By its serial number alone a certificate of any tenant is found, one for each issuer, newest first."""
    add(
        stored,
        certificate(1, serial="ab"),
        certificate(2, serial="ab", issuer=digest(-3), issued_at=NOW + INSTANT, tenant_id=identifier(99)),
        certificate(3, serial="abc"),
    )

    read = stored.read(lambda tx: tx.inventory.of_serial("ab"))

    assert [one.fingerprint for one in read] == [digest(2), digest(1)]
    assert stored.read(lambda tx: tx.inventory.of_serial("a")) == []


def test_no_other_tenants_certificate_is_revoked(stored: Stored) -> None:
    """Whatever a filter names, it takes nothing of another tenant's."""
    add(stored, certificate(1))
    for which in (
        CertificateFilter(identifier(99)),
        CertificateFilter(identifier(99), serial="1"),
        CertificateFilter(identifier(99), fingerprint=digest(1)),
        CertificateFilter(identifier(99), system_auth_id=certificate().system_auth_id),
        CertificateFilter(identifier(99), owner_id=certificate().owner_id),
    ):
        assert stored.write(lambda tx, which=which: tx.inventory.revoke(which, REASON, now=NOW)) == []

    assert found(stored) == certificate(1)


def test_a_step_brings_one_certificate(stored: Stored) -> None:
    """A certificate is found by its step; a second one of the same step is refused, one without a step never is."""
    of_step = certificate(1, step=digest(7), request=digest(8))
    add(stored, of_step, certificate(2), certificate(3))

    assert stored.read(lambda tx: tx.inventory.of_step(digest(7))) == of_step
    assert stored.read(lambda tx: tx.inventory.of_step(digest(9))) is None
    with pytest.raises(StepTaken):
        add(stored, certificate(4, step=digest(7), request=digest(8)))
    assert numbers(stored, CertificateFilter(tenant().id)) == [1, 2, 3]


def test_a_renewal_is_asked_for_once(stored: Stored) -> None:
    """The certificates that fit are marked, each once, and those that are newly marked are returned, newest first."""
    add(stored, certificate(1), certificate(2, issued_at=LATER), certificate(3, tenant_id=tenant(2).id))
    which = CertificateFilter(tenant().id)

    asked = stored.write(lambda tx: tx.inventory.ask_renewal(which, now=NOW))
    again = stored.write(lambda tx: tx.inventory.ask_renewal(which, now=LATER))

    assert [each.serial for each in asked] == ["2", "1"]
    assert {each.renewal_asked_at for each in asked} == {NOW}
    assert again == []
    assert found(stored, 1) == certificate(1, renewal_asked_at=NOW)
    assert found(stored, 3) == certificate(3, tenant_id=tenant(2).id)


def test_certificates_that_were_renewed_late(stored: Stored) -> None:
    """Those that were issued after their predecessor had expired are told apart, and counted."""
    add(stored, certificate(1), certificate(2, lapsed_at=NOW))

    assert numbers(stored, CertificateFilter(tenant().id, lapsed=True)) == [2]
    assert numbers(stored, CertificateFilter(tenant().id, lapsed=False)) == [1]
    assert stored.read(lambda tx: tx.inventory.count(CertificateFilter(tenant().id, lapsed=True))) == 1


def test_trust_anchors_are_recorded_once(stored: Stored) -> None:
    """A root is recorded once and listed as it was; a second of the same fingerprint is refused."""
    anchors = [TrustAnchor(digest(number), bytes([number]), NOW) for number in (2, 1)]

    for anchor in anchors:
        stored.write(lambda tx, anchor=anchor: tx.anchors.add(anchor))
    with pytest.raises(NotUniqueName):
        stored.write(lambda tx: tx.anchors.add(anchors[0]))

    assert stored.read(lambda tx: tx.anchors.list()) == sorted(anchors, key=lambda anchor: anchor.fingerprint)
