"""Formations: listed, created, and each with the applications and runtimes that are assigned to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from connector.domain.directory import EntityKind
from connector.domain.formations import MAX_NAME, Assignment, Formation
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectInUse, ObjectNotFound
from connector.usecases import formations, registration
from connector.usecases.realms import Realm
from connector.web.console.entities import PLURALS, WORDS
from connector.web.console.forms import given
from connector.web.console.lists import Listed, Rows, rows
from connector.web.console.visits import Visit

FORMATIONS = "formations"
KINDS = {word: kind for kind, word in WORDS.items()}


@dataclass(frozen=True, slots=True)
class FormationPage:
    """The content of a formation's page: itself, a page of its assignments, and their names."""

    formation: Formation
    members: Rows[Assignment]
    names: Mapping[str, str]


async def list_formations(visit: Visit) -> Response:
    """The formations by name, page by page."""
    return await _listed(visit)


async def create(visit: Visit) -> Response:
    """Create one, and go to its page."""
    try:
        made = await visit.office.run(formations.create, given(visit.form, "name"))
    except (InvalidData, NotUniqueName) as error:
        return await _listed(visit, error=error)
    return visit.done(visit.path(FORMATIONS, made.id), "created")


async def one(visit: Visit) -> Response:
    """What is assigned to one."""
    return await _shown(visit)


async def assign(visit: Visit) -> Response:
    """Assign the application or runtime of that name or id."""
    kind, sought = _kind(visit), given(visit.form, "object")

    def change(realm: Realm) -> object:
        found = registration.named_or_identified(realm, kind, sought)
        return formations.assign(realm, _formation(realm, visit).name, kind, found.id)

    try:
        await visit.office.run(change)
    except (InvalidData, ObjectNotFound) as error:
        return await _shown(visit, error=error)
    return visit.done(visit.path(FORMATIONS, _id(visit)), "assigned")


async def unassign(visit: Visit) -> Response:
    """Undo an assignment."""
    kind, object_id = _kind(visit), given(visit.form, "object")

    def change(realm: Realm) -> object:
        return formations.unassign(realm, _formation(realm, visit).name, kind, object_id)

    await visit.office.run(change)
    return visit.done(visit.path(FORMATIONS, _id(visit)), "unassigned")


async def end_page(visit: Visit) -> Response:
    """Ask before it is deleted."""
    formation = await visit.office.read(_formation, visit)
    return visit.show("formation_end.html", formation=formation)


async def delete(visit: Visit) -> Response:
    """Delete it, unless something is assigned to it."""
    try:
        await visit.office.run(lambda realm: formations.delete(realm, _formation(realm, visit).name))
    except ObjectInUse as error:
        return await _shown(visit, error=error)
    return visit.done(visit.path(FORMATIONS), "deleted")


async def _listed(visit: Visit, *, error: Refusal | None = None) -> Response:
    query = visit.query if error is None else {}

    def read(realm: Realm) -> Rows[Formation]:
        found = realm.formations
        return rows(
            query,
            Listed(visit.path(FORMATIONS), (FORMATIONS, realm.tenant_id), (str,), kept=()),
            read=lambda after, most: found.list(after=after[0] if after else None, most=most),
            place=lambda each: (each.name,),
        )

    return visit.show(
        "formations.html",
        found=await visit.office.read(read),
        longest_name=MAX_NAME,
        error=error,
    )


async def _shown(visit: Visit, *, error: Refusal | None = None) -> Response:
    page = await visit.office.read(_page, visit)
    return visit.show("formation.html", page=page, kinds=KINDS, plurals=PLURALS, error=error)


def _page(realm: Realm, visit: Visit) -> FormationPage:
    formation, found = _formation(realm, visit), realm.formations
    members: Rows[Assignment] = rows(
        visit.query,
        Listed(
            visit.path(FORMATIONS, formation.id), ("members", realm.tenant_id, formation.id), (datetime, str), kept=()
        ),
        read=lambda after, most: found.members(formation.id, after=after, most=most),
        place=lambda each: (each.assigned_at, each.object_id),
    )
    return FormationPage(formation, members, realm.directory.names({each.object_id for each in members.rows}))


def _formation(realm: Realm, visit: Visit) -> Formation:
    found = realm.formations.find(_id(visit))
    if found is None:
        raise ObjectNotFound
    return found


def _id(visit: Visit) -> str:
    return str(visit.request.path_params["id"])


def _kind(visit: Visit) -> EntityKind:
    kind = KINDS.get(given(visit.form, "kind"))
    if kind is None:
        raise InvalidData("Invalid data kind: choose application or runtime.")
    return kind
