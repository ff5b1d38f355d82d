"""Tenants, applications, runtimes and their system auths: what the Director records."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from connector.errors import InvalidData

MAX_NAME = 100
MAX_RUNTIME_NAME = 36
MAX_DESCRIPTION = 2000
MAX_EXTERNAL_ID = 128

# Letters, digits and the punctuation of product names; nothing that a DN, a shell, HTML or a terminal acts upon.
_NAME = re.compile(r"[^\W_](?:[\w .\-]*[^\W_])?")
_RUNTIME_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?")


class EntityKind(StrEnum):
    """The two kinds of end-entity, by their names in the Director API."""

    APPLICATION = "Application"
    RUNTIME = "Runtime"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A party whose entities no other tenant can see. ``external_id`` is what the Tenant header names."""

    id: str
    external_id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Entity:
    """An application or a runtime: an end-entity (RFC 5280 section 3) that a tenant has registered."""

    id: str
    tenant_id: str
    kind: EntityKind
    name: str
    description: str | None
    created_at: datetime


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
    return Tenant(str(id), external_id, _checked_name(name), now)


def register_entity(
    tenant: Tenant, kind: EntityKind, name: str, description: str | None, *, id: UUID, now: datetime
) -> Entity:
    """A new application or runtime of the tenant.

    Raises:
        InvalidData: the name or the description breaks a rule; the message names the field.
    """
    if kind is EntityKind.RUNTIME:
        if len(name) > MAX_RUNTIME_NAME or not _RUNTIME_NAME.fullmatch(name):
            raise InvalidData(
                "Invalid data name: use 1 to 36 lower-case letters, digits, dashes and dots, "
                "with a letter or digit at each end."
            )
    else:
        name = _checked_name(name)
    if description is not None and (len(description) > MAX_DESCRIPTION or not _is_text(description)):
        raise InvalidData("Invalid data description: use at most 2000 characters, without control characters.")
    return Entity(str(id), tenant.id, kind, name, description, now)


def add_system_auth(entity: Entity, *, id: UUID, now: datetime) -> SystemAuth:
    """A new system auth of the entity."""
    return SystemAuth(str(id), entity.tenant_id, entity.id, entity.kind, now)


def _checked_name(name: str) -> str:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not name.isprintable():
        raise InvalidData(
            "Invalid data name: use 1 to 100 letters, digits, spaces, dots, dashes and underscores, "
            "with a letter or digit at each end."
        )
    return name


def _is_text(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)
