import asyncio

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import EXPIRY, LATER, NOW, api_key, audited, digest, event, identifier, tenant

from connector.domain.audit import Action, Circumstances
from connector.domain.principals import ApiKey, Role
from connector.domain.refusals.objects import NotUniqueName
from connector.ports.audit import CIRCUMSTANCES


def test_events_are_listed_newest_first(stored: Stored) -> None:
    """Events come back field by field, the last appended first, of one action or of all, and no more than asked for."""
    events = [
        event(1),
        event(
            2, action=Action.CERTIFICATE_ISSUED, serial="ab", tenant_id=tenant().id, owner_id="o", system_auth_id="s"
        ),
        event(3, reason="keyCompromise"),
        event(3, reason="keyCompromise"),
    ]
    for one in events:
        stored.write(lambda tx, one=one: tx.audit.append(one))

    assert stored.read(audited) == events[::-1]
    assert stored.read(lambda tx: audited(tx, Action.CERTIFICATE_ISSUED)) == [events[1]]
    assert stored.read(lambda tx: audited(tx, Action.KEY_CREATED)) == []


@pytest.mark.parametrize("action", Action)
def test_every_action_can_be_recorded(stored: Stored, action: Action) -> None:
    """An event of each action comes back with that action."""
    stored.write(lambda tx: tx.audit.append(event(action=action)))

    assert stored.read(lambda tx: audited(tx, action)) == [event(action=action)]


def test_a_key_is_found_by_its_digest(stored: Stored) -> None:
    """A key comes back as it was recorded, by its digest alone; and there is one from then on."""
    assert stored.read(lambda tx: tx.keys.any()) is False

    stored.write(lambda tx: tx.keys.add(api_key()))

    assert stored.read(lambda tx: tx.keys.any()) is True
    assert stored.read(lambda tx: tx.keys.find(digest(1))) == api_key(created_at=NOW)
    assert stored.read(lambda tx: tx.keys.find(digest(2))) is None


def test_of_one_name_there_is_one_key_for_each_tenant_and_one_for_all(stored: Stored) -> None:
    """The audit names keys by name and tenant, so that no two have both; not even when one was revoked."""
    stored.write(lambda tx: tx.keys.add(api_key()))
    stored.write(lambda tx: tx.keys.add(api_key(2, name="key-1", tenant="a")))
    stored.write(lambda tx: tx.keys.revoke(identifier(2), within=None, now=NOW))

    for owner in (None, "a"):
        with pytest.raises(NotUniqueName):
            stored.write(lambda tx, owner=owner: tx.keys.add(api_key(3, name="key-1", tenant=owner)))
    stored.write(lambda tx: tx.keys.add(api_key(3, name="key-1", tenant="b")))


@pytest.mark.parametrize(
    "recorded",
    [
        *(api_key(role=role) for role in Role),
        api_key(tenant="a", created_by="user:somebody", expires_at=EXPIRY, revoked_at=LATER),
    ],
)
def test_every_field_of_a_key_comes_back(stored: Stored, recorded: ApiKey) -> None:
    """A key comes back as it was recorded, in whatever state."""
    stored.write(lambda tx: tx.keys.add(recorded))

    assert stored.read(lambda tx: tx.keys.find(digest(1))) == recorded
    assert stored.read(lambda tx: tx.keys.list()) == [recorded]


@pytest.fixture
def keyed(stored: Stored) -> Stored:
    """A store with a key for all tenants, and one each for two."""
    for key in (api_key(1), api_key(2, tenant="a", created_at=LATER), api_key(3, tenant="b", created_at=EXPIRY)):
        stored.write(lambda tx, key=key: tx.keys.add(key))
    return stored


@pytest.mark.parametrize(
    ("within", "fitting"),
    [
        (None, [3, 2, 1]),
        ({"a"}, [2]),
        ({"a", "b", "c"}, [3, 2]),
        ({"c"}, []),
        (set(), []),
    ],
)
def test_keys_within_some_tenants(keyed: Stored, within: set[str] | None, fitting: list[int]) -> None:
    """Within some tenants there are the keys for those, newest first, and none that is for all."""
    among = None if within is None else frozenset(within)

    assert [key.id for key in keyed.read(lambda tx: tx.keys.list(within=among))] == [
        identifier(number) for number in fitting
    ]
    assert keyed.read(lambda tx: tx.keys.count(within=among)) == len(fitting)
    assert [key.id for key in keyed.read(lambda tx: tx.keys.list(within=among, most=1))] == [
        identifier(number) for number in fitting[:1]
    ]


def test_a_key_is_revoked_once(keyed: Stored) -> None:
    """The time of the first revocation stays, whoever asks again; other keys stay as they are."""
    first = keyed.write(lambda tx: tx.keys.revoke(identifier(2), within=None, now=LATER))
    second = keyed.write(lambda tx: tx.keys.revoke(identifier(2), within=frozenset({"a"}), now=EXPIRY))

    assert first == second == api_key(2, tenant="a", created_at=LATER, revoked_at=LATER)
    assert keyed.read(lambda tx: tx.keys.find(digest(2))) == first
    assert [key.revoked_at for key in keyed.read(lambda tx: tx.keys.list())] == [None, LATER, None]


def test_no_key_is_revoked_outside_of_the_tenants(keyed: Stored) -> None:
    """A key for another tenant, for all, or that never was, is not there to be revoked."""
    for number, within in ((1, {"a"}), (3, {"a"}), (2, set()), (9, None)):
        key, among = identifier(number), None if within is None else frozenset(within)
        revoked = keyed.write(lambda tx, key=key, among=among: tx.keys.revoke(key, within=among, now=LATER))
        assert revoked is None

    assert [key.revoked_at for key in keyed.read(lambda tx: tx.keys.list())] == [None, None, None]


def test_events_have_the_circumstances_of_the_call(stored: Stored) -> None:
    """What a request records has the request's address and id, unless it has its own; a later call without has none."""
    own = event(3, address="192.0.2.7", request_id="ff")

    async def request() -> None:
        CIRCUMSTANCES.set(Circumstances("192.0.2.1", "0a1b"))
        await stored.store.transaction(lambda tx: tx.audit.append(event(1), own))

    async def requests() -> None:
        await asyncio.create_task(request())
        await stored.store.transaction(lambda tx: tx.audit.append(event(2)))

    stored.runner.run(requests())

    assert stored.read(audited) == [event(2), own, event(1, address="192.0.2.1", request_id="0a1b")]
