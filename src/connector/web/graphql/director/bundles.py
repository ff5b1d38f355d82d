"""Bundles: the services that applications have published, in the Director's terms."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.domain.catalogue import Service, Texts, value_of
from connector.domain.principals import Scope
from connector.domain.strict_json import JSON
from connector.usecases import catalogue
from connector.usecases.realms import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page
from connector.web.graphql.wanted import wanted

BUNDLES = "bundles"

# Where the long texts are: without these nothing of them is read.
_LONG = frozenset({"spec", "documents"})

_NO_TEXTS = Texts()

# The format of a specification that was sent as a text, by its first character.
_FORMATS = {"<": "XML", "{": "JSON", "[": "JSON"}

Bundles = Callable[..., Fields]
"""Resolves the field bundles of one application."""


def bundles(realm: Realm, application_ids: Sequence[str], names: frozenset[str]) -> Mapping[str, Bundles]:
    """The bundles of each application, read at once, with as much of them as is asked for.

    Raises:
        QueryTooExpensive: it is too much to be held at once.
    """
    services, texts = catalogue.offered(realm, application_ids, with_texts=bool(names & _LONG))
    with_auths = Scope.BUNDLE_INSTANCE_AUTHS_READ in realm.scopes
    owned: dict[str, list[tuple[Service, Texts]]] = {each: [] for each in application_ids}
    for service in services:
        owned[service.application_id].append((service, texts.get(service.id, _NO_TEXTS)))
    return {id_: _pages(id_, own, with_auths=with_auths) for id_, own in owned.items()}


def _pages(application_id: str, own: Sequence[tuple[Service, Texts]], *, with_auths: bool) -> Bundles:
    """The pages of one application's bundles: all were read already."""

    def place(each: tuple[Service, Texts]) -> tuple[datetime, str]:
        return each[0].created_at, each[0].id

    def read(after: tuple[datetime, str] | None, most: int) -> Sequence[tuple[Service, Texts]]:
        return [each for each in own if after is None or place(each) > after][:most]

    def resolve(info: Info, **arguments: Any) -> Fields:
        return page(
            Listing(
                Cursors(f"bundles {application_id}", (datetime, str)),
                read=read,
                place=place,
                tell=lambda some: [_bundle(service, texts, with_auths=with_auths) for service, texts in some],
                count=lambda: len(own),
            ),
            arguments,
            wanted=wanted(info),
        )

    return resolve


def _bundle(service: Service, texts: Texts, *, with_auths: bool) -> Fields:
    facts = service.facts
    api, events, documentation = facts.get("api"), facts.get("events"), facts.get("documentation")
    return {
        "id": service.id,
        "name": service.name,
        "description": facts["description"],
        "instanceAuthRequestInputSchema": None,
        "instanceAuths": [],
        "defaultInstanceAuth": _auth(api) if with_auths and api is not None else None,
        "apiDefinitions": _page_of(None if api is None else _api(service, api, texts.api_spec)),
        "eventDefinitions": _page_of(None if events is None else _event(service, texts.event_spec)),
        "documents": _page_of(None if documentation is None else _document(service, documentation, texts.documents)),
    }


def _api(service: Service, api: Mapping[str, JSON], spec: str | None) -> Fields:
    is_odata = str(api.get("apiType", "")).lower() == "odata"
    address: JSON = api.get("specificationUrl")
    shown = None
    if spec is not None or address is not None:
        shown = {
            "id": service.part_id("api spec"),
            **_clob(spec),
            "type": "ODATA" if is_odata else "OPEN_API",
            "fetchRequest": None if address is None else _fetch_request(service, address),
        }
    return {**_definition(service, "api"), "targetURL": api["targetUrl"], "spec": shown}


def _event(service: Service, spec: str | None) -> Fields:
    shown = {"id": service.part_id("event spec"), **_clob(spec), "type": "ASYNC_API", "fetchRequest": None}
    return {**_definition(service, "events"), "spec": shown}


def _definition(service: Service, part: str) -> Fields:
    return {
        "id": service.part_id(part),
        "name": service.name,
        "description": service.facts["description"],
        "group": None,
        "version": None,
    }


def _document(service: Service, documentation: Mapping[str, JSON], documents: str | None) -> Fields:
    return {
        "id": service.part_id("documentation"),
        "title": documentation["displayName"],
        "displayName": documentation["displayName"],
        "description": documentation["description"],
        "format": "MARKDOWN",
        "kind": documentation["type"],
        "data": documents,
        "fetchRequest": None,
    }


def _auth(api: Mapping[str, JSON]) -> Fields | None:
    """How to call the API; None where the application says nothing about it."""
    credentials: Mapping[str, JSON] = api.get("credentials") or {}
    given: Mapping[str, JSON] = next(iter(credentials.values()), {})
    parameters = {**api, **api.get("requestParameters", {})}
    csrf = given.get("csrfInfo")
    auth = {
        "credential": _credential(credentials),
        "additionalHeaders": parameters.get("headers"),
        "additionalQueryParams": parameters.get("queryParameters"),
        "requestAuth": None if csrf is None else {"csrf": {"tokenEndpointURL": csrf["tokenEndpointURL"]}},
    }
    return auth if any(auth.values()) else None


def _credential(credentials: Mapping[str, JSON]) -> Fields | None:
    """The credentials, where the Director has a type for them: a generated certificate is none that could be shown."""
    match credentials:
        case {"oauth": given}:
            return {"clientId": given["clientId"], "clientSecret": given["clientSecret"], "url": given["url"]}
        case {"basic": given}:
            return {"username": given["username"], "password": given["password"]}
        case _:
            return None


def _clob(text: str | None) -> Fields:
    """A specification: a text as it was sent, any other JSON as its text."""
    if text is None:
        return {"data": None, "format": "JSON"}
    if not text.startswith('"'):
        return {"data": text, "format": "JSON"}
    value: str = value_of(text)
    return {"data": value, "format": _FORMATS.get(value.lstrip()[:1], "YAML")}


def _fetch_request(service: Service, address: str) -> Fields:
    status = {"condition": "INITIAL", "message": None, "timestamp": service.updated_at}
    return {"url": address, "auth": None, "mode": "SINGLE", "filter": None, "status": status}


def _page_of(fields: Fields | None) -> Fields:
    """A page of at most one."""
    data = [] if fields is None else [fields]
    return {
        "data": data,
        "pageInfo": {"startCursor": "", "endCursor": "", "hasNextPage": False},
        "totalCount": len(data),
    }
