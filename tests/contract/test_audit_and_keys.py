import pytest
from tests.contract.conftest import Stored
from tests.support.records import NOW, api_key, digest, event, identifier

from connector.audit import Action
from connector.errors import NotUniqueName


def test_events_are_listed_newest_first(stored: Stored) -> None:
    """Events come back field by field, the last appended first, of one action or of all, and no more than asked for."""
    events = [
        event(1),
        event(2, action=Action.CERTIFICATE_ISSUED, serial="ab", tenant_id="t", owner_id="o", system_auth_id="s"),
        event(3, reason="keyCompromise"),
        event(3, reason="keyCompromise"),
    ]
    for one in events:
        stored.write(lambda tx, one=one: tx.audit.append(one))

    assert stored.read(lambda tx: tx.audit.list()) == events[::-1]
    assert stored.read(lambda tx: tx.audit.list(limit=2)) == events[:1:-1]
    assert stored.read(lambda tx: tx.audit.list(action=Action.CERTIFICATE_ISSUED)) == [events[1]]
    assert stored.read(lambda tx: tx.audit.list(action=Action.TOKEN_SPENT, limit=1)) == [events[3]]
    assert stored.read(lambda tx: tx.audit.list(action=Action.KEY_CREATED)) == []


@pytest.mark.parametrize("action", Action)
def test_every_action_can_be_recorded(stored: Stored, action: Action) -> None:
    """An event of each action comes back with that action."""
    stored.write(lambda tx: tx.audit.append(event(action=action)))

    assert stored.read(lambda tx: tx.audit.list(action=action)) == [event(action=action)]


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

    for tenant in (None, "a"):
        with pytest.raises(NotUniqueName):
            stored.write(lambda tx, tenant=tenant: tx.keys.add(api_key(3, name="key-1", tenant=tenant)))
    stored.write(lambda tx: tx.keys.add(api_key(3, name="key-1", tenant="b")))
