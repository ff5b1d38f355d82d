"""What every store promises of the services that applications publish."""

from dataclasses import replace
from datetime import datetime

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW, entity, identifier, tenant

from connector.domain.catalogue import Service, Size, Texts
from connector.domain.directory import EntityKind
from connector.domain.refusals.objects import NotUniqueName, ObjectNotFound
from connector.ports.transaction import Transaction

MINE, OTHER = tenant(1).id, tenant(2).id
TEXTS = Texts(api_spec='{"openapi":"3.1"}', documents='["ä \\u0001"]')


def service(number: int, application: int = 1, **changes: object) -> Service:
    made = Service(
        id=identifier(number),
        tenant_id=MINE,
        application_id=entity(application).id,
        identifier=None,
        created_at=NOW,
        updated_at=NOW,
        octets=100 + number,
        text_octets=1000,
        facts={"name": f"service {number}", "labels": {"ключ": "ä"}},
    )
    return replace(made, **changes)


@pytest.fixture
def published(furnished: Stored) -> Stored:
    """Two applications of the first tenant, one of which has two services."""

    def publish(tx: Transaction) -> None:
        tx.directory(MINE).add_entity(entity(2))
        tx.catalogue(MINE).add(service(1, identifier="one"), TEXTS)
        tx.catalogue(MINE).add(service(2, created_at=LATER), Texts())

    furnished.write(publish)
    return furnished


def test_service_is_kept_as_it_was_published(published: Stored) -> None:
    """Facts and long texts come back as they were; the services of an application are listed the oldest first."""
    found = published.read(lambda tx: tx.catalogue(MINE).of([entity(1).id, entity(2).id]))

    assert list(found) == [service(1, identifier="one"), service(2, created_at=LATER)]
    assert published.read(lambda tx: tx.catalogue(MINE).find(entity(1).id, identifier(1))) == found[0]
    assert published.read(lambda tx: tx.catalogue(MINE).texts_of(found[0])) == TEXTS
    assert published.read(lambda tx: tx.catalogue(MINE).texts([entity(1).id])) == {
        identifier(1): TEXTS,
        identifier(2): Texts(),
    }


def test_services_are_read_page_by_page(published: Stored) -> None:
    """A page has so many services at most, the oldest first, and begins after a time and an id; another application's
    and another tenant's are not in it.
    """
    for each in (service(3, created_at=LATER), service(4, created_at=LATER)):
        published.write(lambda tx, made=each: tx.catalogue(MINE).add(made, TEXTS))

    def page(after: tuple[datetime, str] | None, most: int, of: str = MINE, application: int = 1) -> list[str]:
        found = published.read(lambda tx: tx.catalogue(of).page(entity(application).id, after=after, most=most))
        return [each.id for each in found]

    assert page(None, 2) == [identifier(1), identifier(2)]
    assert page((LATER, identifier(2)), 5) == [identifier(3), identifier(4)]
    assert page((LATER, identifier(4)), 5) == page(None, 5, OTHER) == page(None, 5, application=2) == []


def test_sizes_are_added_up(published: Stored) -> None:
    """The number and the octets of all services of some applications are counted; of none there are none."""
    assert published.read(lambda tx: tx.catalogue(MINE).size([entity(1).id, entity(2).id])) == Size(2, 203, 2000)
    assert published.read(lambda tx: tx.catalogue(MINE).size([entity(2).id])) == Size()
    assert published.read(lambda tx: tx.catalogue(MINE).size([])) == Size()


def test_service_is_replaced_and_removed(published: Stored) -> None:
    """A replaced service has the new facts and texts and keeps its place; a removed one is gone, once."""
    changed = service(1, identifier="uno", updated_at=LATER, facts={"name": "new"})
    published.write(lambda tx: tx.catalogue(MINE).replace(changed, Texts(event_spec='"x"')))

    assert published.read(lambda tx: tx.catalogue(MINE).of([entity(1).id]))[0] == changed
    assert published.read(lambda tx: tx.catalogue(MINE).texts_of(changed)) == Texts(event_spec='"x"')
    assert published.write(lambda tx: tx.catalogue(MINE).remove(changed)) is True
    assert published.write(lambda tx: tx.catalogue(MINE).remove(changed)) is False
    assert published.read(lambda tx: tx.catalogue(MINE).find(entity(1).id, changed.id)) is None
    for change in (
        lambda tx: tx.catalogue(MINE).replace(changed, Texts()),
        lambda tx: tx.catalogue(MINE).texts_of(changed),
    ):
        with pytest.raises(ObjectNotFound):
            published.write(change)


def test_identifier_is_unique_within_an_application(published: Stored) -> None:
    """Two services of one application have different identifiers, or none; another application's do not count."""
    published.write(lambda tx: tx.catalogue(MINE).add(service(3, 2, identifier="one"), Texts()))
    published.write(lambda tx: tx.catalogue(MINE).add(service(4), Texts()))
    published.write(lambda tx: tx.catalogue(MINE).replace(service(1, identifier="one", octets=5), Texts()))

    for change in (
        lambda tx: tx.catalogue(MINE).add(service(5, identifier="one"), Texts()),
        lambda tx: tx.catalogue(MINE).replace(service(2, identifier="one"), Texts()),
    ):
        with pytest.raises(NotUniqueName):
            published.write(change)


def test_services_end_with_their_application(published: Stored) -> None:
    """An application that is removed leaves no services, and none can be published for it."""
    published.write(lambda tx: tx.directory(MINE).remove_entity(entity(1)))

    assert published.read(lambda tx: tx.catalogue(MINE).of([entity(1).id])) == []
    with pytest.raises(NotUniqueName):
        published.write(lambda tx: tx.catalogue(MINE).add(service(6), Texts()))


def test_another_tenants_services_do_not_exist(published: Stored) -> None:
    """Whatever another tenant asks for or changes, the services stay as they are, unseen."""
    theirs = service(1)
    assert published.read(lambda tx: tx.catalogue(OTHER).of([entity(1).id])) == []
    assert published.read(lambda tx: tx.catalogue(OTHER).texts([entity(1).id])) == {}
    assert published.read(lambda tx: tx.catalogue(OTHER).size([entity(1).id])) == Size()
    assert published.read(lambda tx: tx.catalogue(OTHER).find(entity(1).id, theirs.id)) is None
    assert published.write(lambda tx: tx.catalogue(OTHER).remove(theirs)) is False
    with pytest.raises(ObjectNotFound):
        published.write(lambda tx: tx.catalogue(OTHER).replace(theirs, Texts()))
    with pytest.raises(ValueError, match="another tenant"):
        published.write(lambda tx: tx.catalogue(OTHER).add(service(7), Texts()))
    assert published.read(lambda tx: tx.directory(MINE).entity(EntityKind.APPLICATION, entity(1).id)) is not None
    assert len(published.read(lambda tx: tx.catalogue(MINE).of([entity(1).id]))) == 2
