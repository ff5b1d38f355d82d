"""Tenants, their applications, runtimes and integration systems, and system auths: what the Director records."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from connector.domain import labels
from connector.domain.labels import Labels
from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import JSON

MAX_NAME = 100
MAX_RUNTIME_NAME = 36
MAX_DESCRIPTION = 2000
MAX_EXTERNAL_ID = 128
MOST_SYSTEM_AUTHS = 1000

EVENTS_LABEL = "runtime_eventServiceUrl"
NORMALIZED_LABEL = "isNormalized"
INTEGRATION_LABEL = "integrationSystemID"

# Letters, digits and the punctuation of product names; nothing that a DN, a shell, HTML or a terminal acts upon.
_NAME = re.compile(r"[^\W_](?:[\w .\-]*[^\W_])?")
_RUNTIME_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?")


class EntityKind(StrEnum):
    """The kinds of what a tenant registers, by their names in the Director API.

    Applications and runtimes are end-entities (RFC 5280 section 3); an integration system looks after applications.
    """

    APPLICATION = "Application"
    RUNTIME = "Runtime"
    INTEGRATION_SYSTEM = "IntegrationSystem"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A party whose entities no other tenant can see. ``external_id`` is what the Tenant header names."""

    id: str
    external_id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Entity:
    """An application, a runtime or an integration system that a tenant has registered.

    Applications alone have a provider's name, an integration system that looks after them, and a runtime to which
    their events go.
    """

    id: str
    tenant_id: str
    kind: EntityKind
    name: str
    description: str | None
    created_at: datetime
    provider_name: str | None
    integration_system_id: str | None
    labels: Labels
    eventing_runtime_id: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class SystemAuth:
    """One way in for one entity: it links tokens and certificates to their owner. Its id is the certificate's CN."""

    id: str
    tenant_id: str
    owner_id: str
    owner_kind: EntityKind
    created_at: datetime


def register_tenant(external_id: str, name: str, *, id: UUID, now: datetime) -> Tenant:
    """A new tenant.

    Raises:
        InvalidData: the external id is not 1 to 128 ASCII letters, digits, dots, dashes and underscores, or the name
            is not one.
    """
    if len(external_id) > MAX_EXTERNAL_ID or not _EXTERNAL_ID.fullmatch(external_id):
        raise InvalidData(
            "Invalid data externalID: use 1 to 128 letters, digits, dots, dashes and underscores, "
            "with a letter or digit at each end."
        )
    return Tenant(str(id), external_id, check_name(name), now)


def register_entity(
    tenant: Tenant, kind: EntityKind, particulars: Mapping[str, Any], *, id: UUID, now: datetime
) -> Entity:
    """A new entity of the tenant. ``particulars`` holds a name, and any other field of :func:`update_entity`.

    Raises:
        InvalidData: a field breaks a rule; the message names it.
    """
    name = particulars["name"]
    bare = Entity(str(id), tenant.id, kind, name, None, now, None, None, {}, None, None)
    given = {**_default_labels(kind, name), **(particulars.get("labels") or {})}
    return replace(update_entity(bare, {**particulars, "labels": given}, now=now), updated_at=None)


def update_entity(entity: Entity, changes: Mapping[str, Any], *, now: datetime) -> Entity:
    """The entity with those fields changed: ``name``, ``description``, ``provider_name``, ``labels``,
    ``integration_system_id``, ``eventing_runtime_id``.

    Raises:
        InvalidData: a field breaks a rule; the message names it.
    """
    changed = replace(entity, **changes, updated_at=now)
    if "integration_system_id" in changes:
        changed = replace(changed, labels={**changed.labels, INTEGRATION_LABEL: changed.integration_system_id or ""})
    if entity.kind is EntityKind.RUNTIME:
        _check_runtime_name(changed.name)
    else:
        check_name(changed.name)
    _check_text("description", changed.description, MAX_DESCRIPTION)
    _check_text("providerName", changed.provider_name, MAX_NAME)
    labels.check(changed.labels)
    return changed


def add_system_auth(entity: Entity, *, id: UUID, now: datetime) -> SystemAuth:
    """A new system auth of the entity."""
    return SystemAuth(str(id), entity.tenant_id, entity.id, entity.kind, now)


def events_base(runtime: Entity) -> str:
    """The runtime's event service, or an empty text where no label names one."""
    base: JSON = runtime.labels.get(EVENTS_LABEL)
    return base if isinstance(base, str) else ""


def events_url(application: Entity, runtime: Entity | None) -> str:
    """Where the application's events go: a path under the runtime's event service, or nowhere, as an empty text."""
    base = events_base(runtime) if runtime is not None else ""
    if runtime is None or not base:
        return ""
    label: JSON = application.labels.get("name")
    name = label if isinstance(label, str) and label else application.name
    if runtime.labels.get(NORMALIZED_LABEL, "true") == "true":
        name = labels.normalized(name)
    return f"{base.rstrip('/')}/{name}/v1/events"


def _default_labels(kind: EntityKind, name: str) -> Labels:
    """What clients of the original expect to find (wire contract b.4)."""
    match kind:
        case EntityKind.APPLICATION:
            return {"name": labels.normalized(name), "managed": "false", INTEGRATION_LABEL: ""}
        case EntityKind.RUNTIME:
            return {NORMALIZED_LABEL: "true"}
        case EntityKind.INTEGRATION_SYSTEM:
            return {}


def check_name(name: str) -> str:
    """The name, if it may be one of anything but a runtime, whose rule is the original's own.

    Raises:
        InvalidData: it breaks the rule.
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not name.isprintable():
        raise InvalidData(
            "Invalid data name: use 1 to 100 letters, digits, spaces, dots, dashes and underscores, "
            "with a letter or digit at each end."
        )
    return name


def _check_runtime_name(name: str) -> None:
    if len(name) > MAX_RUNTIME_NAME or not _RUNTIME_NAME.fullmatch(name):
        raise InvalidData(
            "Invalid data name: use 1 to 36 lower-case letters, digits, dashes and dots, "
            "with a letter or digit at each end."
        )


def _check_text(field: str, text: str | None, most: int) -> None:
    if text is not None and (len(text) > most or not _is_text(text)):
        raise InvalidData(f"Invalid data {field}: use at most {most} characters, without control characters.")


def _is_text(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)
