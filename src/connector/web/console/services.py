"""The services that an application has published: what they are called, and how large they are. Read only.

How to call them is not shown, least of all their credentials: viewers may not know those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from connector.domain.catalogue import Service, Size
from connector.domain.directory import Entity, EntityKind
from connector.usecases import registration
from connector.usecases.realms import Realm
from connector.web.console.lists import Listed, Rows, rows
from connector.web.console.visits import Visit

PARTS: Mapping[str, str] = {"api": "API", "events": "Events", "documentation": "Documentation"}
"""What a service can consist of, by the names of its fields."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a service. Its id is that of the Director API."""

    word: str
    id: str


@dataclass(frozen=True, slots=True)
class Published:
    """A service as the page of an application's services shows it."""

    application: Entity
    size: Size
    services: Rows[Service]


async def list_services(visit: Visit) -> Response:
    """The services of an application, the oldest first, page by page."""
    listed = await visit.office.read(_listed, visit)
    return visit.show("services.html", listed=listed, parts_of=parts_of)


def parts_of(service: Service) -> Sequence[Part]:
    """The parts that a service has."""
    return [Part(word, service.part_id(name)) for name, word in PARTS.items() if name in service.facts]


def _listed(realm: Realm, visit: Visit) -> Published:
    application = registration.registered(realm, EntityKind.APPLICATION, str(visit.request.path_params["id"]))
    found: Rows[Service] = rows(
        visit.query,
        Listed(
            visit.path("applications", application.id, "services"),
            ("services", realm.tenant_id, application.id),
            (datetime, str),
            kept=(),
        ),
        read=lambda after, most: realm.catalogue.page(application.id, after=after, most=most),
        place=lambda each: (each.created_at, each.id),
    )
    return Published(application, realm.catalogue.size([application.id]), found)
