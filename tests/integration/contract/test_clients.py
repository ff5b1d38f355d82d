"""Clients and their access tokens keep the promises of their port in every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import EXPIRY, LATER, NOW, digest, entity, system_auth, tenant

from connector.domain.clients import Access, AccessToken, Client
from connector.domain.refusals.clients import ClientUnknown
from connector.domain.refusals.objects import ObjectNotFound

ONE, TWO = tenant(1).id, tenant(2).id
CLIENT = Client(system_auth().id, digest(1), NOW, "admin:test")


def access_token(number: int = 1) -> AccessToken:
    return AccessToken(digest(100 + number), CLIENT.id, NOW + timedelta(seconds=number), EXPIRY, frozenset({"a:read"}))


@pytest.fixture
def with_client(furnished: Stored) -> Stored:
    furnished.write(lambda tx: tx.clients.add(CLIENT))
    return furnished


def test_a_client_comes_back_as_it_was_recorded(with_client: Stored) -> None:
    """A client is found by its id, with its system auth, and among its own tenant's alone."""
    assert with_client.read(lambda tx: tx.clients.find(CLIENT.id)) == (CLIENT, system_auth())
    assert with_client.read(lambda tx: tx.clients.find("none")) is None
    assert with_client.read(lambda tx: tx.clients.among(ONE, [CLIENT.id, "none"])) == {CLIENT.id}
    assert with_client.read(lambda tx: tx.clients.among(TWO, [CLIENT.id])) == frozenset()


def test_a_client_needs_a_system_auth_and_a_system_auth_is_one_client(with_client: Stored) -> None:
    """Credentials for a system auth that is gone, or that has some, are refused."""
    for client in (replace(CLIENT, id="gone"), replace(CLIENT, digest=digest(2))):
        with pytest.raises(ObjectNotFound):
            with_client.write(lambda tx, client=client: tx.clients.add(client))


def test_an_access_token_comes_back_with_its_client(with_client: Stored) -> None:
    """An access token is found by its digest, with the system auth and the tenant; once removed it is not."""
    token, whole = access_token(), replace(access_token(2), scopes=None)
    with_client.write(lambda tx: [tx.clients.add_token(each, most=10) for each in (token, whole)])

    for each in (token, whole):
        found = with_client.read(lambda tx, each=each: tx.clients.access(each.digest))
        assert found == Access(each, system_auth(), tenant(1))
    with_client.write(lambda tx: tx.clients.remove_token(token.digest))
    assert with_client.read(lambda tx: tx.clients.access(token.digest)) is None
    assert with_client.read(lambda tx: tx.clients.access(whole.digest)) is not None


def test_a_further_access_token_ends_the_oldest(with_client: Stored) -> None:
    """A client keeps its newest access tokens, as many as it may have."""
    for number in (3, 1, 2, 4):
        with_client.write(lambda tx, number=number: tx.clients.add_token(access_token(number), most=2))

    kept = [
        number
        for number in range(1, 5)
        if with_client.read(lambda tx, number=number: tx.clients.access(access_token(number).digest))
    ]
    assert kept == [3, 4]


@pytest.mark.parametrize("removed", ["owner", "system auth"])
def test_access_ends_with_the_system_auth(with_client: Stored, removed: str) -> None:
    """Once the system auth or its owner is removed, the client and its access tokens are gone, and get no new one."""
    with_client.write(lambda tx: tx.clients.add_token(access_token(), most=10))
    if removed == "owner":
        with_client.write(lambda tx: tx.directory(ONE).remove_entity(entity()))
    else:
        with_client.write(lambda tx: tx.directory(ONE).remove_system_auth(system_auth()))

    assert with_client.read(lambda tx: tx.clients.find(CLIENT.id)) is None
    assert with_client.read(lambda tx: tx.clients.access(access_token().digest)) is None
    with pytest.raises(ClientUnknown):
        with_client.write(lambda tx: tx.clients.add_token(access_token(2), most=10))


def test_ended_access_tokens_are_removed_in_batches(with_client: Stored) -> None:
    """Those that expired before a time are removed, so many at most; the others stay."""
    ended = [replace(access_token(number), expires_at=NOW) for number in (1, 2, 3)]
    with_client.write(lambda tx: [tx.clients.add_token(each, most=10) for each in (*ended, access_token(4))])

    assert with_client.write(lambda tx: tx.clients.remove_ended(LATER, 2)) == 2
    assert with_client.write(lambda tx: tx.clients.remove_ended(LATER, 2)) == 1
    assert with_client.write(lambda tx: tx.clients.remove_ended(LATER, 2)) == 0
    assert with_client.read(lambda tx: tx.clients.access(access_token(4).digest)) is not None


def test_the_tenant_of_a_system_auth_is_found(furnished: Stored) -> None:
    """A system auth's id leads to its tenant, and an unknown one to none."""
    assert furnished.read(lambda tx: tx.tenants.of_system_auth(system_auth().id)) == tenant(1)
    assert furnished.read(lambda tx: tx.tenants.of_system_auth("none")) is None
