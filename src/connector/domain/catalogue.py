"""The catalogue: the services that an application offers, with their APIs, events and documentation.

An application publishes them at its ``metadataUrl``; the Director shows them as bundles. The rules for one are in
:mod:`connector.domain.services`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from connector.domain.directory import Entity
from connector.domain.services import NESTED, read_service
from connector.domain.strict_json import JSON, read_text

MOST_SERVICES = 100
"""The largest number of services of one application; the schema of the Director API counts with it."""

_NAME = "name"


@dataclass(frozen=True, slots=True)
class Texts:
    """The fields of a service that can be long, each as the text of a JSON value; None where it is not given."""

    api_spec: str | None = None
    event_spec: str | None = None
    documents: str | None = None

    @property
    def octets(self) -> int:
        """The size of all of them in UTF-8."""
        return sum(len(text.encode()) for text in (self.api_spec, self.event_spec, self.documents) if text is not None)


@dataclass(frozen=True, slots=True)
class Service:
    """A service without its long texts. ``facts`` holds everything else that was published, credentials included.

    The identifier is unique among the services of an application. ``text_octets`` is the size of the texts.
    """

    id: str
    tenant_id: str
    application_id: str
    identifier: str | None
    created_at: datetime
    updated_at: datetime
    octets: int
    text_octets: int
    facts: Mapping[str, JSON] = field(repr=False)

    @property
    def name(self) -> str:
        """The service's name."""
        name: str = self.facts[_NAME]
        return name

    @property
    def size(self) -> int:
        """The octets that it takes, with its texts."""
        return self.octets + self.text_octets

    def part_id(self, part: str) -> str:
        """The id by which clients know one of its parts, such as an API: the same each time."""
        return str(uuid5(UUID(self.id), part))


@dataclass(frozen=True, slots=True)
class Size:
    """How much some applications have published: the number of services, and their octets."""

    number: int = 0
    octets: int = 0
    text_octets: int = 0

    @property
    def total(self) -> int:
        """The octets of all of them, with their texts."""
        return self.octets + self.text_octets


@dataclass(frozen=True, slots=True)
class Content:
    """A service that an application sent, checked and taken apart."""

    facts: Mapping[str, JSON] = field(repr=False)
    texts: Texts

    @property
    def identifier(self) -> str | None:
        """The application's own name for the service, if it gave one."""
        return self.facts.get("identifier") or None


def read(sent: JSON) -> Content:
    """The content of a service.

    Raises:
        InvalidData: it breaks a rule; the message names the field.
    """
    facts = dict(read_service(sent))
    api, events, documentation = (dict(facts[name]) if name in facts else None for name in _PARTS)
    left = dict(zip(_PARTS, (api, events, documentation), strict=True))
    texts = Texts(*(_taken(part, name) for part, name in zip(left.values(), _LONG, strict=True)))
    return Content({**facts, **{name: part for name, part in left.items() if part is not None}}, texts)


def whole(service: Service, texts: Texts) -> str:
    """The JSON text of the service as it was sent. The provider is empty: the original's Director keeps none.

    The long texts are put in as they are: to read them and write them again would take a hundred milliseconds.
    """
    long = dict(zip(_PARTS, zip(_LONG, (texts.api_spec, texts.event_spec, texts.documents), strict=True), strict=True))
    members = []
    for name, value in {**service.facts, "provider": ""}.items():
        key, text = long.get(name, ("", None))
        written = _text(value)
        if text is not None:
            written = f'{written[:-1]}{"," if value else ""}"{key}":{text}}}'
        members.append(f'"{name}":{written}')
    return f"{{{','.join(members)}}}"


def value_of(text: str) -> JSON:
    """The JSON value that one of the texts stands for."""
    return read_text(text, depth=NESTED)


def add(application: Entity, content: Content, *, id: UUID, now: datetime) -> Service:
    """A new service of the application."""
    blank = Service(str(id), application.tenant_id, application.id, None, now, now, 0, 0, {})
    return _filled(blank, content)


def change(service: Service, content: Content, *, now: datetime) -> Service:
    """The service with this content instead of what it had."""
    return replace(_filled(service, content), updated_at=now)


_PARTS, _LONG = ("api", "events", "documentation"), ("spec", "spec", "docs")


def _filled(service: Service, content: Content) -> Service:
    return replace(
        service,
        identifier=content.identifier,
        octets=len(_text(content.facts).encode()),
        text_octets=content.texts.octets,
        facts=content.facts,
    )


def _taken(part: dict[str, JSON] | None, name: str) -> str | None:
    """The text of the member, which is taken out of the part."""
    return _text(part.pop(name)) if part is not None and name in part else None


def _text(value: JSON) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
