"""Formations keep the promises of their port in every store."""

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW, entity, identifier, tenant

from connector.domain.directory import EntityKind
from connector.domain.formations import Assignment, Formation
from connector.domain.refusals.objects import NotUniqueName, ObjectInUse, ObjectNotFound
from connector.ports.transaction import Transaction

APPLICATION, RUNTIME = EntityKind.APPLICATION, EntityKind.RUNTIME
ONE, TWO = tenant(1).id, tenant(2).id


def formation(number: int = 1, tenant_id: str = ONE) -> Formation:
    return Formation(identifier(100 + number), tenant_id, f"formation-{number}", NOW)


def assignment(number: int = 1, object_id: str | None = None, kind: EntityKind = APPLICATION) -> Assignment:
    return Assignment(formation(number).id, object_id or entity().id, kind, LATER)


def test_a_formation_comes_back_as_it_was_recorded(furnished: Stored) -> None:
    """A formation is found by id and by name, in its tenant alone; formations are listed by name."""
    furnished.write(lambda tx: [tx.formations(ONE).add(formation(number)) for number in (2, 1, 3)])

    assert furnished.read(lambda tx: tx.formations(ONE).find(formation().id)) == formation()
    assert furnished.read(lambda tx: tx.formations(ONE).named("formation-2")) == formation(2)
    assert furnished.read(lambda tx: tx.formations(ONE).list(after="formation-1", most=1)) == [formation(2)]
    assert furnished.read(lambda tx: tx.formations(ONE).count()) == 3
    assert furnished.read(lambda tx: tx.formations(TWO).find(formation().id)) is None
    assert furnished.read(lambda tx: tx.formations(TWO).named("formation-2")) is None
    assert furnished.read(lambda tx: tx.formations(TWO).list()) == []


def test_a_formations_name_is_taken_once(furnished: Stored) -> None:
    """A second formation of the tenant with the same name is refused."""
    furnished.write(lambda tx: tx.formations(ONE).add(formation()))

    with pytest.raises(NotUniqueName):
        furnished.write(lambda tx: tx.formations(ONE).add(Formation(identifier(9), ONE, "formation-1", NOW)))


def test_members_come_page_by_page(furnished: Stored) -> None:
    """The assignments to one formation come the oldest first, after a time and object id; another tenant sees none."""

    def fill(tx: Transaction) -> None:
        for number in (1, 2):
            tx.formations(ONE).add(formation(number))
        for number in range(2, 6):
            tx.directory(ONE).add_entity(entity(number))
            tx.formations(ONE).assign(assignment(object_id=entity(number).id))
        tx.formations(ONE).assign(assignment(2))

    furnished.write(fill)
    members = furnished.read(lambda tx: tx.formations(ONE).members(formation().id))
    first = furnished.read(lambda tx: tx.formations(ONE).members(formation().id, most=3))
    place = (first[-1].assigned_at, first[-1].object_id)
    rest = furnished.read(lambda tx: tx.formations(ONE).members(formation().id, after=place))

    assert [each.object_id for each in members] == [entity(number).id for number in range(2, 6)]
    assert [*first, *rest] == list(members)
    assert furnished.read(lambda tx: tx.formations(TWO).members(formation().id)) == []


def test_an_object_is_assigned_once(furnished: Stored) -> None:
    """An assignment is recorded once, read back, and removed once; both sides have to be the tenant's own."""
    furnished.write(lambda tx: tx.formations(ONE).add(formation()))

    assert furnished.write(lambda tx: tx.formations(ONE).assign(assignment())) is True
    assert furnished.write(lambda tx: tx.formations(ONE).assign(assignment())) is False
    assert furnished.read(lambda tx: tx.formations(ONE).assignments([formation().id])) == [assignment()]
    assert furnished.read(lambda tx: tx.formations(ONE).of_object(entity().id)) == [formation()]
    assert furnished.read(lambda tx: tx.formations(TWO).assignments([formation().id])) == []
    assert furnished.read(lambda tx: tx.formations(TWO).of_object(entity().id)) == []
    for tenant_id, wrong in ((TWO, assignment(object_id="x")), (ONE, assignment(object_id="x")), (ONE, assignment(7))):
        with pytest.raises(ObjectNotFound):
            furnished.write(lambda tx, which=tenant_id, wrong=wrong: tx.formations(which).assign(wrong))
    assert furnished.write(lambda tx: tx.formations(TWO).unassign(formation().id, entity().id)) is False
    assert furnished.write(lambda tx: tx.formations(ONE).unassign(formation().id, entity().id)) is True
    assert furnished.write(lambda tx: tx.formations(ONE).unassign(formation().id, entity().id)) is False


def test_a_formation_with_assignments_stays(furnished: Stored) -> None:
    """A formation is removed once nothing is assigned to it; an object that is removed is assigned to nothing."""
    furnished.write(lambda tx: tx.formations(ONE).add(formation()))
    furnished.write(lambda tx: tx.formations(ONE).assign(assignment()))

    with pytest.raises(ObjectInUse):
        furnished.write(lambda tx: tx.formations(ONE).remove(formation()))
    furnished.write(lambda tx: tx.directory(ONE).remove_entity(entity()))
    assert furnished.read(lambda tx: tx.formations(ONE).assignments([formation().id])) == []
    assert furnished.write(lambda tx: tx.formations(ONE).remove(formation())) is True
    assert furnished.write(lambda tx: tx.formations(ONE).remove(formation())) is False


def test_a_runtime_has_the_applications_of_its_formations(furnished: Stored) -> None:
    """The applications that share a formation with the runtime, by name and each once, a page at a time."""
    runtime = entity(5, kind=RUNTIME, name="runtime")
    applications = [entity(number, name=f"application-{number}") for number in (6, 7, 8)]
    furnished.write(lambda tx: [tx.directory(ONE).add_entity(each) for each in (runtime, *applications)])
    furnished.write(lambda tx: [tx.formations(ONE).add(formation(number)) for number in (1, 2)])
    pairs = [(1, applications[0]), (1, applications[1]), (2, applications[1])]
    for number, application in pairs:
        furnished.write(
            lambda tx, number=number, id_=application.id: tx.formations(ONE).assign(assignment(number, id_))
        )
    for number in (1, 2):
        furnished.write(lambda tx, number=number: tx.formations(ONE).assign(assignment(number, runtime.id, RUNTIME)))

    assert furnished.read(lambda tx: tx.formations(ONE).applications_of(runtime.id)) == applications[:2]
    assert furnished.read(lambda tx: tx.formations(ONE).applications_of(runtime.id, after="application-6", most=5)) == [
        applications[1]
    ]
    assert furnished.read(lambda tx: tx.formations(ONE).count_applications_of(runtime.id)) == 2
    assert furnished.read(lambda tx: tx.formations(TWO).applications_of(runtime.id)) == []
    assert furnished.read(lambda tx: tx.formations(ONE).shares(applications[0].id, RUNTIME)) is True
    assert furnished.read(lambda tx: tx.formations(ONE).shares(applications[2].id, RUNTIME)) is False
    assert furnished.read(lambda tx: tx.formations(ONE).shares(runtime.id, APPLICATION)) is True
