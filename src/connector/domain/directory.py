"""Tenants, their applications, runtimes and integration systems, and system auths: what the Director records."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import UUID

from connector.domain import labels
from connector.domain.labels import Labels
from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import JSON

MAX_NAME = 100
MAX_RUNTIME_NAME = 256
MAX_PROVIDER_NAME = 256
MAX_DESCRIPTION = 2000
MAX_DETAIL = 256
MAX_URL = 512
MAX_EXTERNAL_ID = 128
MOST_SYSTEM_AUTHS = 1000

EVENTS_LABEL = "runtime_eventServiceUrl"
NORMALIZED_LABEL = "isNormalized"
CONSOLE_LABEL = "runtime_consoleUrl"
INTEGRATION_LABEL = "integrationSystemID"

OWN_LABELS = frozenset({EVENTS_LABEL, CONSOLE_LABEL, NORMALIZED_LABEL})
"""The labels that a runtime's agent sets on its own runtime; without them it never reports that it is in step."""

# The rules as Compass's clients read them.
_WRONG_FORMAT = "must be in a valid format"
_TOO_LONG = "the length must be no more than {}"

# Letters, digits and the punctuation of product names; nothing that a DN, a shell, HTML or a terminal acts upon.
_NAME = re.compile(r"[^\W_](?:[\w .\-]*[^\W_])?")
_RUNTIME_NAME = re.compile(r"[A-Za-z0-9._\-]+")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?")


DETAILS: Mapping[str, int] = {
    "healthCheckURL": MAX_DETAIL,
    "baseUrl": MAX_URL,
    "applicationNamespace": MAX_DETAIL,
    "localTenantID": MAX_DETAIL,
    "systemNumber": MAX_DETAIL,
}
"""The details that an entity may have, by their names in the Director API, with the most characters of each."""


class EntityKind(StrEnum):
    """The kinds of what a tenant registers, by their names in the Director API.

    Applications and runtimes are end-entities (RFC 5280 section 3); an integration system looks after applications.
    """

    APPLICATION = "Application"
    RUNTIME = "Runtime"
    INTEGRATION_SYSTEM = "IntegrationSystem"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A party whose entities no other tenant can see. ``external_id`` is what the Tenant header names.

    ``profile`` names the default certificate profile of its entities; None stands for the installation's.
    """

    id: str
    external_id: str
    name: str
    created_at: datetime
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """An application, a runtime or an integration system that a tenant has registered.

    ``profile`` names the certificate profile that was chosen for it; None stands for its tenant's default.
    Applications alone have a provider's name, an integration system that manages them, and a runtime to which their
    events go. ``details`` are texts that clients store and read back, by their names in :data:`DETAILS`. No two
    applications of a tenant have the same ``normalized_name``; it is None for other kinds.
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
    details: Mapping[str, str] = field(default_factory=dict)
    normalized_name: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token or a certificate stands for: a system auth, its owner, the owner's kind, and the tenant."""

    tenant_id: str
    owner_id: str
    kind: EntityKind
    system_auth_id: str


@dataclass(frozen=True, slots=True)
class SystemAuth:
    """One way in for one entity: it links tokens and certificates to their owner. Its id is the certificate's CN."""

    id: str
    tenant_id: str
    owner_id: str
    owner_kind: EntityKind
    created_at: datetime

    @property
    def identity(self) -> Identity:
        """Whom its tokens and certificates stand for."""
        return Identity(self.tenant_id, self.owner_id, self.owner_kind, self.id)


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


def rename_tenant(tenant: Tenant, name: str) -> Tenant:
    """The tenant under another name. Its external id, by which everybody refers to it, stays.

    Raises:
        InvalidData: it is no name.
    """
    return replace(tenant, name=check_name(name))


def register_entity(
    tenant: Tenant, kind: EntityKind, particulars: Mapping[str, Any], *, id: UUID, now: datetime
) -> Entity:
    """A new entity of the tenant. ``particulars`` holds a name, and any other field of :func:`update_entity`.

    Raises:
        InvalidData: a field breaks a rule; the message names it.
    """
    name = particulars["name"]
    check_entity_name(kind, name)
    bare = Entity(str(id), tenant.id, kind, name, None, now, None, None, {}, None, None)
    given = {**_default_labels(kind), **(particulars.get("labels") or {})}
    if kind is EntityKind.APPLICATION:
        given["name"] = labels.normalized(name)  # whatever was given: clients find the application by it
    return replace(update_entity(bare, {**particulars, "labels": given}, now=now), updated_at=None)


def update_entity(entity: Entity, changes: Mapping[str, Any], *, now: datetime) -> Entity:
    """The entity with those fields changed: ``name``, ``description``, ``provider_name``, ``labels``,
    ``integration_system_id``, ``eventing_runtime_id``, ``details``. A detail that is None is removed.

    Raises:
        InvalidData: a field breaks a rule; the message names it.
    """
    details = {**entity.details, **changes.get("details", {})}
    kept = {name: text for name, text in details.items() if text is not None}
    changed = replace(entity, **{**changes, "details": kept}, updated_at=now)
    if "integration_system_id" in changes:
        changed = replace(changed, labels={**changed.labels, INTEGRATION_LABEL: changed.integration_system_id or ""})
    check_entity_name(entity.kind, changed.name)
    _check_text("description", changed.description, MAX_DESCRIPTION)
    _check_text("providerName", changed.provider_name, MAX_PROVIDER_NAME)
    for name, text in changed.details.items():
        _check_text(name, text, DETAILS[name])
    labels.check(changed.labels)
    return replace(changed, normalized_name=_normalized_name(changed))


def check_entity_name(kind: EntityKind, name: str) -> None:
    """Return if an entity of that kind may have the name.

    Raises:
        InvalidData: it may not; the message says why.
    """
    most = MAX_RUNTIME_NAME if kind is EntityKind.RUNTIME else MAX_NAME
    if len(name) > most:
        raise InvalidData.breaks("name", _TOO_LONG.format(most), f"Use 1 to {most} characters.")
    if kind is EntityKind.RUNTIME and not _RUNTIME_NAME.fullmatch(name):
        raise InvalidData.breaks("name", _WRONG_FORMAT, "Use ASCII letters, digits, dashes, dots and underscores.")
    # Control characters are not printable, nor what turns the direction of writing or cannot be seen.
    if not name.isprintable() or not name.strip():
        raise InvalidData.breaks("name", _WRONG_FORMAT, "Use printable characters, not only spaces.")


def profile_change(before: str | None, after: str | None) -> str:
    """What the audit says when another certificate profile is chosen."""
    return f"from {before or 'the default'} to {after or 'the default'}"


def add_system_auth(entity: Entity, *, id: UUID, now: datetime) -> SystemAuth:
    """A new system auth of the entity."""
    return SystemAuth(str(id), entity.tenant_id, entity.id, entity.kind, now)


def events_base(runtime: Entity) -> str:
    """The runtime's event service, or an empty text where no label names one."""
    base: JSON = runtime.labels.get(EVENTS_LABEL)
    return base if isinstance(base, str) else ""


def events_url(application: Entity, runtime: Entity | None) -> str:
    """Where the application's events go: a path under the runtime's event service, or nowhere, as an empty text.

    The path has the application's own name, not its label ``name``: a runtime knows its applications by that.
    """
    base = events_base(runtime) if runtime is not None else ""
    if runtime is None or not base:
        return ""
    name = application.name
    if runtime.labels.get(NORMALIZED_LABEL, "true") == "true":
        name = labels.normalized(name)
    number = application.details.get("systemNumber")
    return f"{base.rstrip('/')}/{quote(name if not number else f'{name}-{number}', safe='')}/v1/events"


def application_name(application: Entity) -> str:
    """The name by which clients of Compass know an application: its label ``name``, or where that is no text, its own
    name.
    """
    label: JSON = application.labels.get("name")
    return label if isinstance(label, str) and label else application.name


def ascii_lower(text: str) -> str:
    """The text with its ASCII letters in lower case: databases lower no others alike."""
    return "".join(character.lower() if character.isascii() else character for character in text)


def complete_labels(kind: EntityKind, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The changes, with ``isNormalized`` among a runtime's new labels: agents rely on it, and may not send it."""
    if kind is not EntityKind.RUNTIME or "labels" not in changes:
        return changes
    return {**changes, "labels": {**_default_labels(kind), **changes["labels"]}}


def _normalized_name(entity: Entity) -> str | None:
    """The text in which two applications of a tenant must differ: the normalised name, with the system's number."""
    if entity.kind is not EntityKind.APPLICATION:
        return None
    number = entity.details.get("systemNumber")
    return labels.normalized(entity.name) + (f"/{number}" if number else "")


def _default_labels(kind: EntityKind) -> dict[str, JSON]:
    """The labels that clients of Compass expect to find."""
    match kind:
        case EntityKind.APPLICATION:
            return {"managed": "false", INTEGRATION_LABEL: ""}
        case EntityKind.RUNTIME:
            return {NORMALIZED_LABEL: "true"}
        case EntityKind.INTEGRATION_SYSTEM:
            return {}


def check_name(name: str) -> str:
    """The name, if it may be that of a tenant, an API key or a person; applications and runtimes have wider rules.

    Raises:
        InvalidData: it breaks the rule.
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not name.isprintable():
        raise InvalidData(
            "Invalid data name: use 1 to 100 letters, digits, spaces, dots, dashes and underscores, "
            "with a letter or digit at each end."
        )
    return name


def _check_text(field: str, text: str | None, most: int) -> None:
    if text is not None and len(text) > most:
        raise InvalidData.breaks(field, _TOO_LONG.format(most), f"Use at most {most} characters.")
    if text is not None and not _is_text(text):
        raise InvalidData.breaks(field, _WRONG_FORMAT, "Use text without control characters.")


def _is_text(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)
