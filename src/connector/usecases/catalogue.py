"""The catalogue of an application: its services, which it adds, replaces and removes itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from connector.domain import catalogue
from connector.domain.audit import Action
from connector.domain.catalogue import Content, Service, Texts
from connector.domain.directory import Entity, EntityKind, application_name
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectNotFound
from connector.domain.refusals.requests import QueryTooExpensive
from connector.usecases.publications import Publications
from connector.usecases.realms import Realm

MOST_SERVICES_OF_A_PAGE = 5000
MOST_OCTETS_OF_A_PAGE = 16 << 20
"""The most that is read at once of the services of all applications of a page."""


@dataclass(frozen=True, slots=True)
class Published:
    """A service with its long texts."""

    service: Service
    texts: Texts


def owned(realm: Realm, application_id: str, name: str) -> Entity:
    """The application of that id, if clients know it by that name.

    Raises:
        ObjectNotFound: it is known by another name, is gone, or is a runtime.
    """
    application = realm.directory.entity(EntityKind.APPLICATION, application_id)
    if application is None or application_name(application) != name:
        raise ObjectNotFound("Object not found: the caller is no application of that name. Use its own metadataUrl.")
    return application


def services(realm: Realm, application_id: str, name: str) -> Sequence[Service]:
    """The application's services, the oldest first.

    Raises:
        ObjectNotFound: see :func:`owned`.
    """
    return realm.catalogue.of([owned(realm, application_id, name).id])


def published(realm: Realm, application_id: str, name: str, id: str) -> Published:
    """One of the application's services.

    Raises:
        ObjectNotFound: see :func:`owned`, or it has none of that id.
    """
    service = _service(realm, owned(realm, application_id, name), id)
    return Published(service, realm.catalogue.texts_of(service))


def publish(realm: Realm, application_id: str, name: str, content: Content, *, publications: Publications) -> Service:
    """Add a service to the application's.

    Raises:
        ObjectNotFound: see :func:`owned`.
        InvalidData: it has one with that identifier.
        QuotaExceeded: it has too many, or they would be too large.
    """
    application = owned(realm, application_id, name)
    service = catalogue.add(application, content, id=realm.new_id(), now=realm.now)
    publications.admit(service, realm.catalogue.size([application.id]))
    try:
        realm.catalogue.add(service, content.texts)
    except NotUniqueName as refusal:
        raise _identifier_taken() from refusal
    realm.record(Action.SERVICE_ADDED, application, reason=service.name)
    return service


def replace(
    realm: Realm, application_id: str, name: str, id: str, content: Content, *, publications: Publications
) -> tuple[Published, bool]:
    """Give a service of the application another content: the service, and whether that changed it.

    Raises:
        ObjectNotFound: see :func:`owned`, or it has none of that id.
        InvalidData: another one has that identifier.
        QuotaExceeded: its services would be too large.
    """
    application = owned(realm, application_id, name)
    before = _service(realm, application, id)
    texts = realm.catalogue.texts_of(before)
    if (before.facts, texts) == (content.facts, content.texts):
        return Published(before, texts), False
    service = catalogue.change(before, content, now=realm.now)
    publications.admit(service, realm.catalogue.size([application.id]), before)
    try:
        realm.catalogue.replace(service, content.texts)
    except NotUniqueName as refusal:
        raise _identifier_taken() from refusal
    realm.record(Action.SERVICE_CHANGED, application, reason=service.name)
    return Published(service, content.texts), True


def remove(realm: Realm, application_id: str, name: str, id: str) -> Service:
    """Remove a service of the application.

    Raises:
        ObjectNotFound: see :func:`owned`, or it has none of that id.
    """
    application = owned(realm, application_id, name)
    service = _service(realm, application, id)
    if not realm.catalogue.remove(service):
        raise ObjectNotFound
    realm.record(Action.SERVICE_REMOVED, application, reason=service.name)
    return service


def offered(
    realm: Realm, application_ids: Collection[str], *, with_texts: bool
) -> tuple[Sequence[Service], Mapping[str, Texts]]:
    """The services of these applications, the oldest first, and their long texts where they are asked for.

    Raises:
        QueryTooExpensive: it is too much to be held at once.
    """
    size = realm.catalogue.size(application_ids)
    octets = size.octets + (size.text_octets if with_texts else 0)
    if size.number > MOST_SERVICES_OF_A_PAGE or octets > MOST_OCTETS_OF_A_PAGE:
        raise QueryTooExpensive(
            f"The page has more than {MOST_SERVICES_OF_A_PAGE} bundles, or {MOST_OCTETS_OF_A_PAGE} octets of them. "
            "Lower the argument first, or leave out bundles or their specifications."
        )
    if not size.number:
        return (), {}
    found = realm.catalogue.of(application_ids)
    return found, realm.catalogue.texts(application_ids) if with_texts else {}


def _identifier_taken() -> InvalidData:
    return InvalidData(
        "Invalid data identifier: another service of this application has it. Replace that one, or use another "
        "identifier."
    )


def _service(realm: Realm, application: Entity, id: str) -> Service:
    service = realm.catalogue.find(application.id, id)
    if service is None:
        raise ObjectNotFound("Object not found: the application has no service of that id. List them.")
    return service
