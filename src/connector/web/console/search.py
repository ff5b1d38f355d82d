"""One search over what a tenant has: by name, id, serial number, fingerprint."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from connector.domain.directory import EntityKind
from connector.domain.principals import Scope
from connector.ports.certificates import CertificateFilter
from connector.ports.directory import EntityFilter
from connector.ports.tokens import TokenFilter
from connector.usecases.realms import Installation, Realm
from connector.web.console.certificates import looked_for
from connector.web.console.entities import PLURALS
from connector.web.console.layout import redirect
from connector.web.console.lists import text_of
from connector.web.console.visits import Visit

SEARCH = "search"
MOST = 10
"""Of each kind. All are found by an index, however many there are; the pages of the lists look further."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found: its kind, its name, what else distinguishes it, and its page."""

    kind: str
    name: str
    detail: str
    path: str


async def search(visit: Visit) -> Response:
    """What fits the text, by kinds; what alone fits, at once."""
    text = text_of(visit.query, "q")
    hits = list[Hit]()
    if text is not None:
        hits = await visit.office.read(lambda realm: list(_in_tenant(realm, visit, text)))
        if visit.caller.may(Scope.ADMINISTRATOR_READ):
            hits += await visit.installation.read(lambda installation: list(_people(installation, text)))
    if len(hits) == 1:
        return redirect(hits[0].path)
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.kind, []).append(hit)
    return visit.show("search.html", searched=text, found=found, most=MOST, filters=_FILTERS)


def _in_tenant(realm: Realm, visit: Visit, text: str) -> Iterator[Hit]:
    yield from _entities(realm, visit, text)
    yield from _certificates(realm, visit, text)
    yield from _tokens(realm, visit, text)
    formation = realm.formations.named(text)
    if formation is not None:
        yield Hit("Formations", formation.name, formation.id, visit.path("formations", formation.id))


def _entities(realm: Realm, visit: Visit, text: str) -> Iterator[Hit]:
    for kind in (EntityKind.APPLICATION, EntityKind.RUNTIME):
        which = EntityFilter(kind, begins=text)
        for each in realm.directory.search(which, newest_first=False, most=MOST):
            yield Hit(f"{kind.value}s", each.name, each.id, visit.path(PLURALS[kind], each.id))


def _certificates(realm: Realm, visit: Visit, text: str) -> Iterator[Hit]:
    found = realm.certificates.list(CertificateFilter(**looked_for(text)), most=MOST)
    names = realm.directory.names({each.owner_id for each in found})
    for each in found:
        path = visit.path("certificates", each.fingerprint.hex())
        yield Hit("Certificates", each.serial, names.get(each.owner_id, ""), path)


def _tokens(realm: Realm, visit: Visit, text: str) -> Iterator[Hit]:
    for each in realm.tokens.list(TokenFilter(id=text), most=MOST):
        owner = realm.directory.names({each.owner_id}).get(each.owner_id, "")
        yield Hit("Tokens", each.id, owner, visit.path(PLURALS[each.identity.kind], each.owner_id))


def _people(installation: Installation, text: str) -> Iterator[Hit]:
    found = installation.administrators.find(text)
    if found is not None:
        yield Hit("Users", found.name, found.role.value, "/console/administrators")


_FILTERS = {
    "about": "Events about this id",
    "actor": "Events by this actor",
    "serial": "Events of this serial number",
    "request": "Events of this request",
    "address": "Events from this address",
}
"""By which parameters the audit is filtered. The search leaves it out: not all filters have an index."""
