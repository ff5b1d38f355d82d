"""The catalogue behind ``metadataUrl``: the services of the application whose certificate is presented.

The path names the application, and another's is answered as one that does not exist.
"""

from asyncio import Lock, to_thread
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.responses import Response
from starlette.types import Scope

from connector.domain import catalogue as rules
from connector.domain.catalogue import Content, Service
from connector.domain.certificates import Certificate
from connector.domain.principals import Scope as Right
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.refusals.requests import BadRequest
from connector.domain.services import NESTED
from connector.domain.strict_json import JSONError
from connector.domain.strict_json import read as read_json
from connector.ports.transaction import Clock, Store
from connector.usecases import catalogue
from connector.usecases.catalogue import Published
from connector.usecases.enrollment import Enrollment
from connector.usecases.offices import Office
from connector.usecases.publications import Publications
from connector.usecases.realms import Realm, enter_as_holder
from connector.web.legacy import answers
from connector.web.legacy.answers import empty_answer, legacy_answer, octets_answer
from connector.web.legacy.call import Call
from connector.web.legacy.credentials import presented_certificate, refuse_browsers
from connector.web.requests import SMALL, BodyLimits, Budget, read_body

NO_CONTENT = 204
NOT_FOUND_STATUS = 404

_BELOW = (b"v1", b"metadata", b"services")
_LISTED = ("name", "description", "identifier", "labels")


@dataclass(frozen=True, slots=True)
class Place:
    """The place that a path below ``metadataUrl`` names: an application, and perhaps one of its services."""

    application: str
    service: str | None


def place_of(scope: Scope) -> Place | None:
    """The place that the path names; None where it is no path of the catalogue.

    Each segment is decoded by itself, once (RFC 3986 section 2.4): a name may hold a slash, and dots lead nowhere.
    """
    first, *segments = scope["raw_path"].split(b"/")
    if first or len(segments) not in {4, 5} or tuple(segments[1:4]) != _BELOW:
        return None
    try:
        names = [unquote_to_bytes(segment).decode() for segment in (segments[0], *segments[4:])]
    except UnicodeDecodeError:
        return None
    return Place(*names) if len(names) > 1 else Place(names[0], None)


def described(error: BaseException) -> tuple[int, str]:
    """As everywhere in the legacy REST API, but that there is such a thing here as a service that is not found."""
    if isinstance(error, ObjectNotFound):
        return NOT_FOUND_STATUS, str(error)
    return answers.described(error)


@dataclass(frozen=True, slots=True)
class CatalogueAPI:
    """The operations and their objects. ``budget`` is the memory for large services: sent ones until they are
    answered, and answers until the peer has taken them.

    Large services are read in a thread, so that others have their turn, and one at a time.
    """

    store: Store
    enrollment: Enrollment
    clock: Clock
    publications: Publications
    limits: BodyLimits
    budget: Budget
    _turn: Lock = field(default_factory=Lock, init=False, repr=False)

    async def list(self, call: Call) -> Response:
        """The application's services, in short."""
        holder, place = await self._enter(call)
        found = await self._office(holder, Right.APPLICATION_READ).read(
            catalogue.services, holder.owner_id, place.application
        )
        return legacy_answer([_listed(service) for service in found])

    async def one(self, call: Call) -> Response:
        """One service, as it was sent."""
        holder, place = await self._enter(call)
        found = await self._office(holder, Right.APPLICATION_READ).read(
            catalogue.published, holder.owner_id, place.application, _id(place)
        )
        self._hold(call, found.service.size)
        return _whole(found)

    async def publish(self, call: Call) -> Response:
        """Add a service, and return its id."""
        holder, place, content = await self._change(call)
        made = await self._office(holder, Right.APPLICATION_WRITE).run(
            catalogue.publish, holder.owner_id, place.application, content, publications=self.publications
        )
        self._changed(holder)
        return legacy_answer({"id": made.id})

    async def replace(self, call: Call) -> Response:
        """Replace a service, and return what it is then."""
        holder, place, content = await self._change(call)
        found, is_changed = await self._office(holder, Right.APPLICATION_WRITE).run(
            catalogue.replace, holder.owner_id, place.application, _id(place), content, publications=self.publications
        )
        if is_changed:
            self._changed(holder)
        return _whole(found)  # within the memory of what was sent: nothing that was done is refused

    async def remove(self, call: Call) -> Response:
        """Remove a service."""
        holder, place = await self._enter(call)
        refuse_browsers(call.scope)
        self.publications.admit_change(holder.owner_id, now=self.clock())
        await self._office(holder, Right.APPLICATION_WRITE).run(
            catalogue.remove, holder.owner_id, place.application, _id(place)
        )
        self._changed(holder)
        return empty_answer(NO_CONTENT)

    async def _enter(self, call: Call) -> tuple[Certificate, Place]:
        holder = await self.enrollment.identify(presented_certificate(call.scope).fingerprint)
        call.seat.enter(holder.tenant_id)
        place = place_of(call.scope)
        if place is None:
            raise ObjectNotFound
        return holder, place

    async def _change(self, call: Call) -> tuple[Certificate, Place, Content]:
        """The content of the body, from an application that may change its services now."""
        holder, place = await self._enter(call)
        refuse_browsers(call.scope)
        self.publications.admit_change(holder.owner_id, now=self.clock())
        body = await read_body(call.scope, call.receive, self.limits, anonymous=False)
        self._hold(call, len(body))
        if len(body) <= SMALL:
            return holder, place, _content(body)
        async with self._turn:
            return holder, place, await to_thread(_content, body)

    def _changed(self, holder: Certificate) -> None:
        self.publications.changed(holder.owner_id, now=self.clock())

    def _office(self, holder: Certificate, scope: Right) -> Office[Realm]:
        """The certificate is looked up in the transaction of the change: one that was revoked before changes nothing
        after.
        """
        return Office(self.store, lambda tx: enter_as_holder(tx, holder.fingerprint, scope))

    def _hold(self, call: Call, octets: int) -> None:
        """Count the memory until the peer has taken the answer.

        Raises:
            Overloaded: there is not so much left.
        """
        beyond = max(octets - SMALL, 0)
        self.budget.take(beyond)
        call.seat.keep(partial(self.budget.give_back, beyond))


def _whole(found: Published) -> Response:
    """The service as it was sent."""
    return octets_answer(rules.whole(found.service, found.texts).encode())


def _content(body: bytes) -> Content:
    """The service in a body. A dense megabyte takes a fifth of a second."""
    try:
        sent = read_json(body, depth=NESTED)
    except JSONError as error:
        raise BadRequest(f"Failed to read service: {error}. Send it as JSON.") from error
    return rules.read(sent)


def _listed(service: Service) -> Mapping[str, Any]:
    known = {name: service.facts[name] for name in _LISTED if service.facts.get(name)}
    return {"id": service.id, "provider": "", **known}


def _id(place: Place) -> str:
    return place.service or ""
