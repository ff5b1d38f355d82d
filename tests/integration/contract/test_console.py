from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import EXPIRY, LATER, NOW, certificate, digest, entity, event, identifier, tenant

from connector.domain.administrators import Administrator, Session, SignInLink
from connector.domain.audit import Action
from connector.domain.certificates import Condition, RevocationReason
from connector.domain.directory import EntityKind
from connector.domain.labels import read_filter
from connector.domain.overview import CertificateTally, Standings
from connector.domain.principals import Role
from connector.domain.refusals.administrators import LinkRefused
from connector.domain.refusals.objects import NotUniqueName
from connector.ports.audit import EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.directory import EntityFilter

DAY = timedelta(days=1)


def administrator(number: int = 1, **changes: Any) -> Administrator:
    fields = {
        "id": identifier(number),
        "name": f"name-{number}",
        "password": None,
        "role": Role.OPERATOR,
        "tenant": None,
        "created_by": "command",
        "created_at": NOW,
    }
    return Administrator(**{**fields, **changes})


def session(number: int = 1, **changes: Any) -> Session:
    fields = {
        "id": identifier(number),
        "digest": digest(number),
        "administrator_id": None,
        "name": "ann",
        "actor": "user:ann",
        "role": Role.VIEWER,
        "tenants": frozenset({"b", "a"}),
        "began_at": NOW + number * timedelta(seconds=1),
        "seen_at": NOW,
        "expires_at": EXPIRY,
    }
    return Session(**{**fields, **changes})


def link(number: int = 1, **changes: Any) -> SignInLink:
    fields = {"digest": digest(number), "administrator_id": identifier(1), "made_at": NOW, "expires_at": EXPIRY}
    return SignInLink(**{**fields, **changes})


def test_an_administrator_comes_back_as_recorded(stored: Stored) -> None:
    """By name and by id, field by field, and after each change; of one name there is one."""
    recorded = administrator(tenant="a", password="$argon2id$", disabled_at=LATER)  # noqa: S106 - no hash
    stored.write(lambda tx: tx.administrators.add(recorded))
    assert stored.read(lambda tx: tx.administrators.find("name-1")) == recorded
    assert stored.read(lambda tx: tx.administrators.of_id(identifier(1))) == recorded
    assert stored.read(lambda tx: tx.administrators.find("NAME-1")) is None
    with pytest.raises(NotUniqueName):
        stored.write(lambda tx: tx.administrators.add(administrator(2, name="name-1")))

    stored.write(lambda tx: tx.administrators.set_password(identifier(1), "another"))
    stored.write(lambda tx: tx.administrators.set_disabled(identifier(1), None))
    found = stored.read(lambda tx: tx.administrators.of_id(identifier(1)))
    assert found is not None
    assert (found.password, found.disabled_at) == ("another", None)

    stored.write(lambda tx: tx.administrators.set_rights(identifier(1), Role.VIEWER, None))
    stored.write(lambda tx: tx.administrators.signed_in(identifier(1), LATER))
    found = stored.read(lambda tx: tx.administrators.of_id(identifier(1)))
    assert found is not None
    assert (found.role, found.tenant, found.signed_in_at) == (Role.VIEWER, None, LATER)


def test_an_administrator_is_removed_with_links_and_sessions(stored: Stored) -> None:
    """Whatever lets them in goes with them, what is others' stays, and the name is free again."""
    for number in (1, 2):
        stored.write(lambda tx, number=number: tx.administrators.add(administrator(number)))
        stored.write(
            lambda tx, number=number: tx.links.add(link(number, administrator_id=identifier(number))),
        )
        stored.write(
            lambda tx, number=number: tx.sessions.add(session(number, administrator_id=identifier(number))),
        )
    stored.write(lambda tx: tx.sessions.add(session(3)))

    stored.write(lambda tx: tx.administrators.remove(identifier(1)))

    assert stored.read(lambda tx: tx.administrators.of_id(identifier(1))) is None
    assert [stored.read(lambda tx, number=number: tx.links.find(digest(number))) is None for number in (1, 2)] == [
        True,
        False,
    ]
    assert [
        stored.read(lambda tx, number=number: tx.sessions.find(digest(number))) is None for number in (1, 2, 3)
    ] == [True, False, False]
    stored.write(lambda tx: tx.administrators.add(administrator(4, name="name-1")))


def test_administrators_are_listed_by_name_within_tenants(stored: Stored) -> None:
    """By name, after a name, so many at most, and those of some tenants alone."""
    for number, of in ((3, None), (1, "a"), (2, "b")):
        stored.write(lambda tx, number=number, of=of: tx.administrators.add(administrator(number, tenant=of)))

    def names(**which: Any) -> list[str]:
        return [each.name for each in stored.read(lambda tx: tx.administrators.list(**which))]

    assert names() == ["name-1", "name-2", "name-3"]
    assert names(after="name-1", most=1) == ["name-2"]
    assert names(within=frozenset({"b"})) == ["name-2"]
    assert names(within=frozenset()) == []


def test_a_link_is_used_once(stored: Stored) -> None:
    """Of two uses one wins; an expired one is refused; a new one ends those before it."""
    stored.write(lambda tx: tx.administrators.add(administrator()))
    stored.write(lambda tx: tx.links.add(link(1)))
    assert stored.read(lambda tx: tx.links.find(digest(1))) == link(1)
    with pytest.raises(LinkRefused):
        stored.write(lambda tx: tx.links.use(link(1), now=EXPIRY))
    stored.write(lambda tx: tx.links.use(link(1), now=LATER))
    with pytest.raises(LinkRefused):
        stored.write(lambda tx: tx.links.use(link(1), now=LATER))

    stored.write(lambda tx: tx.links.add(link(2)))
    stored.write(lambda tx: tx.links.add(link(3, made_at=LATER)))
    with pytest.raises(LinkRefused):
        stored.write(lambda tx: tx.links.use(link(2), now=LATER))
    stored.write(lambda tx: tx.links.use(link(3, made_at=LATER), now=LATER))


def test_a_session_comes_back_as_recorded(stored: Stored) -> None:
    """By its digest, field by field, also for every tenant; its last use is recorded."""
    for number, tenants in ((1, frozenset({"a", "b"})), (2, None), (3, frozenset[str]())):
        one = session(number, tenants=tenants)
        stored.write(lambda tx, one=one: tx.sessions.add(one))
        assert stored.read(lambda tx, number=number: tx.sessions.find(digest(number))) == one
    assert stored.read(lambda tx: tx.sessions.find(digest(9))) is None
    stored.write(lambda tx: tx.sessions.touch(session(1), now=LATER))
    found = stored.read(lambda tx: tx.sessions.find(digest(1)))
    assert found is not None
    assert found.seen_at == LATER


def test_sessions_end_once(stored: Stored) -> None:
    """Of one actor or of anybody; what has ended or expired is not listed, and ends no second time."""
    for one in (session(1), session(2, actor="user:bob"), session(3), session(4, expires_at=NOW)):
        stored.write(lambda tx, one=one: tx.sessions.add(one))

    def listed(actor: str | None = None) -> list[str]:
        return [each.id for each in stored.read(lambda tx: tx.sessions.list(actor=actor, now=NOW, most=9))]

    assert listed() == [identifier(3), identifier(2), identifier(1)]
    assert listed("user:bob") == [identifier(2)]
    assert stored.write(lambda tx: tx.sessions.end(identifier(2), actor="user:ann", now=LATER)) is None
    ended = stored.write(lambda tx: tx.sessions.end(identifier(2), now=LATER))
    assert ended == session(2, actor="user:bob", ended_at=LATER)
    assert stored.write(lambda tx: tx.sessions.end(identifier(2), now=LATER)) is None
    assert stored.write(lambda tx: tx.sessions.end_all("user:ann", now=LATER)) == 3
    assert listed() == []


def test_what_ended_long_ago_is_removed(stored: Stored) -> None:
    """Sessions and links that expired before a time are removed, so many at most; others stay."""
    stored.write(lambda tx: tx.administrators.add(administrator()))
    for number, at in ((1, NOW), (2, NOW), (3, EXPIRY)):
        stored.write(lambda tx, number=number, at=at: tx.sessions.add(session(number, expires_at=at)))
        stored.write(lambda tx, number=number, at=at: tx.links.add(link(number, expires_at=at)))
    assert stored.write(lambda tx: tx.sessions.remove_ended(LATER, 1)) == 1
    assert stored.write(lambda tx: tx.sessions.remove_ended(LATER, 9)) == 1
    assert stored.write(lambda tx: tx.links.remove_ended(LATER, 9)) == 2
    assert stored.read(lambda tx: tx.sessions.find(digest(3))) is not None
    assert stored.read(lambda tx: tx.links.find(digest(3))) is not None


@pytest.fixture
def listed(stored: Stored) -> Stored:
    """Four applications in every condition, a runtime, and another tenant's."""

    def furnish(tx: Any) -> None:
        for number in (1, 2):
            tx.tenants.add(tenant(number))
        directory = tx.directory(tenant().id)
        for number, name in ((1, "Billing"), (2, "shop ÄÖ"), (3, "prod-billing"), (4, "x_y%z")):
            labels = {"stage": "dev"} if number == 2 else {}
            directory.add_entity(entity(number, name=name, created_at=NOW + number * DAY, labels=labels))
        directory.add_entity(entity(5, name="billing", kind=EntityKind.RUNTIME))
        tx.directory(tenant(2).id).add_entity(entity(6, name="billing", tenant_id=tenant(2).id))
        tx.inventory.add(certificate(1, owner_id=identifier(1), superseded_at=LATER))
        tx.inventory.add(certificate(2, owner_id=identifier(1), not_after=NOW + 3 * DAY))
        tx.inventory.add(certificate(3, owner_id=identifier(2), not_after=NOW - DAY))
        tx.inventory.add(certificate(4, owner_id=identifier(3)))
        tx.inventory.add(certificate(5, owner_id=identifier(9)))  # its owner is gone
        tx.inventory.add(certificate(6, owner_id=identifier(6), tenant_id=tenant(2).id))
        tx.inventory.revoke(
            CertificateFilter(tenant().id, owner_id=identifier(3)), RevocationReason.UNSPECIFIED, now=NOW
        )

    stored.write(furnish)
    return stored


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        ({}, [1, 3, 2, 4]),
        ({"text": "BILL"}, [1, 3]),
        ({"begins": "bill"}, [1]),
        ({"begins": "Bill"}, [1]),
        ({"begins": "illing"}, []),
        ({"begins": ""}, [1, 3, 2, 4]),
        ({"begins": "\0"}, []),
        ({"begins": "SHOP"}, [2]),
        ({"begins": identifier(3)}, [3]),
        ({"begins": "p", "condition": Condition.FAILED, "now": NOW}, [3]),
        ({"text": "äö"}, [2]),
        ({"text": "%"}, [4]),
        ({"text": "_"}, [4]),
        ({"text": "\0"}, []),
        ({"text": identifier(4)}, [4]),
        ({"text": identifier(6)}, []),
        ({"condition": Condition.CONNECTED, "now": NOW}, [1]),
        ({"condition": Condition.FAILED, "now": NOW}, [3, 2]),
        ({"condition": Condition.INITIAL, "now": NOW}, [4]),
        ({"labels": [read_filter("stage", '"dev"')]}, [2]),
        ({"labels": [read_filter("stage", None)], "text": "bill"}, []),
    ],
)
def test_entities_are_searched(listed: Stored, which: dict[str, Any], numbers: list[int]) -> None:
    """By a part of the name in any case, by id, condition and label; by name or newest first, page by page."""
    given = EntityFilter(EntityKind.APPLICATION, **which)

    def found(*, newest_first: bool, after: Any = None, most: int = 9) -> list[Any]:
        return list(
            listed.read(
                lambda tx: tx.directory(tenant().id).search(given, newest_first=newest_first, after=after, most=most)
            )
        )

    assert [each.id for each in found(newest_first=False)] == [identifier(number) for number in numbers]
    newest = [identifier(number) for number in sorted(numbers, reverse=True)]
    assert [each.id for each in found(newest_first=True)] == newest
    for newest_first in (True, False):
        place: Any = None
        paged = []
        while some := found(newest_first=newest_first, after=place, most=1):
            paged += some
            place = (some[0].created_at, some[0].id) if newest_first else some[0].name
        assert paged == found(newest_first=newest_first)


def test_what_there_is_is_counted(listed: Stored) -> None:
    """Owners by how they stand, certificates by state and by the day on which they end; of one tenant alone."""

    def read(function: Callable[[Any], Any]) -> Any:
        return listed.read(function)

    assert read(lambda tx: tx.directory(tenant().id).standings(EntityKind.APPLICATION, now=NOW)) == Standings(4, 1, 2)
    assert read(lambda tx: tx.directory(tenant().id).standings(EntityKind.RUNTIME, now=NOW)) == Standings(1, 0, 0)
    tally = read(lambda tx: tx.inventory.tally(tenant().id, now=NOW, soon=NOW + 14 * DAY))
    assert tally == CertificateTally(issued=2, expiring=1, superseded=1, expired=1, revoked=1)
    assert read(lambda tx: tx.inventory.tally(tenant(3).id, now=NOW, soon=NOW)) == CertificateTally(0, 0, 0, 0, 0)
    since = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    assert read(lambda tx: tx.inventory.expiring_by_day(tenant().id, since=since, days=91)) == {3: 1, 90: 1}
    assert read(lambda tx: tx.inventory.expiring_by_day(tenant().id, since=since, days=90)) == {3: 1}


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        ({}, [4, 3, 2, 1]),
        ({"actions": [Action.TOKEN_REFUSED, Action.TOKEN_MINTED]}, [4, 2]),
        ({"about": "o"}, [3, 1]),
        ({"actor": "b"}, [2]),
        ({"serial": "5e"}, [1]),
        ({"address": "192.0.2.7"}, [3, 1]),
        ({"address": "192.0.2.7", "request_id": "r2"}, [3]),
        ({"since": LATER, "until": EXPIRY}, [2]),
    ],
)
def test_events_are_paged(stored: Stored, which: dict[str, Any], numbers: list[int]) -> None:
    """A tenant's events, newest first, those that fit; page by page nothing is lost or told twice."""
    events = [
        event(1, tenant_id="t", owner_id="o", actor="a", serial="5e", address="192.0.2.7", request_id="r1"),
        event(2, tenant_id="t", owner_id="p", actor="b", at=LATER, action=Action.TOKEN_REFUSED),
        event(3, tenant_id="t", owner_id="o", actor="a", at=EXPIRY, address="192.0.2.7", request_id="r2"),
        event(4, tenant_id="t", owner_id="p", actor="a", at=EXPIRY, action=Action.TOKEN_MINTED),
        event(5, tenant_id="u", owner_id="o"),
        event(6),
    ]
    stored.write(lambda tx: tx.audit.append(*events))
    given = EventFilter("t", **which)
    found = stored.read(lambda tx: tx.audit.page(given, most=9))
    assert [each.event for each in found] == [events[number - 1] for number in numbers]
    place, paged = None, []
    while some := stored.read(lambda tx, place=place: tx.audit.page(given, after=place, most=1)):
        paged += some
        place = (some[0].event.at, some[0].number)
    assert paged == list(found)
    assert [each.event for each in stored.read(lambda tx: tx.audit.page(EventFilter(None), most=9))] == [events[5]]


def test_later_events_of_an_owner_and_events_by_day(stored: Stored) -> None:
    """Those about an owner with a greater number, oldest first; and how many of each action on each day."""
    events = [event(number, tenant_id="t", owner_id="o", at=NOW + number * DAY) for number in (1, 2, 3, 3)]
    stored.write(lambda tx: tx.audit.append(*events, event(5, tenant_id="u", owner_id="o")))
    found = stored.read(lambda tx: tx.audit.later("t", "o", number=0, most=9))
    assert [each.event for each in found] == events
    assert stored.read(lambda tx: tx.audit.later("t", "o", number=found[1].number, most=1)) == [found[2]]
    since = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + 2 * DAY
    counted = stored.read(lambda tx: tx.audit.daily("t", since=since))
    assert counted == {(0, Action.TOKEN_SPENT): 1, (1, Action.TOKEN_SPENT): 2}
