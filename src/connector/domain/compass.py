"""The records of a Compass database, and their translation.

A record that cannot be taken raises :class:`Left` with the reason. Changes made on the way are described in words.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from connector.domain import directory, labels, tokens
from connector.domain.directory import MAX_NAME, MAX_RUNTIME_NAME, Entity, EntityKind, SystemAuth, Tenant
from connector.domain.labels import Labels
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.tokens import TokenUnknown
from connector.domain.strict_json import JSON, JSONError, read_text
from connector.domain.tokens import OneTimeToken, TokenPolicy, TokenType

SCENARIOS = "scenarios"
"""The key of the label that says to which formations an object is assigned."""

_SUFFIX = 8
# What Go writes of a time that was never set.
_NEVER_YEAR = 1
_RESERVED = re.compile(r"[^A-Za-z0-9 ._\-]+")
_RUNTIME_RESERVED = re.compile(r"[^A-Za-z0-9._\-]+")


class Left(Exception):  # noqa: N818 - named for what becomes of the record
    """The record is not taken. The text says why."""


@dataclass(frozen=True, slots=True)
class CompassTenant:
    """A row of ``business_tenant_mappings``. Times are as PostgreSQL writes them, in UTC."""

    id: str
    external_id: str | None
    name: str | None
    is_active: bool
    created_at: str | None


@dataclass(frozen=True, slots=True)
class CompassSystem:
    """A row of ``integration_systems``: it belongs to no tenant there."""

    id: str
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class CompassFormation:
    """A row of ``formations``."""

    id: str
    tenant_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CompassLabel:
    """A row of ``labels``. ``value`` is the JSON's text, which nobody has read yet."""

    tenant_id: str | None
    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class CompassAuth:
    """A row of ``system_auths``. ``owners`` is their number; ``value`` is JSON that may hold a token in clear."""

    id: str
    tenant_id: str | None
    owners: int
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class CompassEntity:
    """An application or a runtime, with all that hangs on it.

    ``owners`` are the tenants that own it, each with the tenant from which it has that right.
    """

    kind: EntityKind
    id: str
    name: str
    description: str | None
    created_at: str | None
    updated_at: str | None = None
    provider_name: str | None = None
    integration_system_id: str | None = None
    details: Mapping[str, str | None] = field(default_factory=dict)
    is_being_deleted: bool = False
    owners: Sequence[tuple[str, str]] = ()
    labels: Sequence[CompassLabel] = ()
    auths: Sequence[CompassAuth] = ()


def tenant(source: CompassTenant, *, now: datetime) -> tuple[Tenant, Sequence[str]]:
    """The tenant, under its own ids, and what was changed.

    Raises:
        Left: its external id cannot be one here.
    """
    external_id, given = source.external_id or "", source.name or ""
    changes = [] if source.is_active else ["It is inactive there; there is no such state here."]
    name = given
    try:
        directory.check_name(name)
    except InvalidData:
        name = _RESERVED.sub("-", given)[:MAX_NAME].strip(" .-_") or external_id[:MAX_NAME]
        changes.append(f"Its name was {given!r}.")
    try:
        made = directory.register_tenant(external_id, name, id=UUID(source.id), now=read_time(source.created_at) or now)
    except InvalidData as refusal:
        raise Left(str(refusal)) from refusal
    return made, changes


def owner(source: CompassEntity) -> str:
    """The id of the tenant there that owns the object by its own right.

    A parent of that tenant owns it too, by a row that names the tenant as its source.

    Raises:
        Left: no tenant owns it, or several.
    """
    if source.is_being_deleted:
        raise Left("It is being deleted there.")
    own = {holder for holder, origin in source.owners if holder == origin} or {holder for holder, _ in source.owners}
    if len(own) != 1:
        raise Left("No tenant owns it." if not own else f"{len(own)} tenants own it.")
    return own.pop()


def entity(
    source: CompassEntity | CompassSystem, kind: EntityKind, home: Tenant, *, id: str, name: str, now: datetime
) -> tuple[Entity, Sequence[str]]:
    """The entity of the tenant under this id and name, and what was changed: fields that break a rule are left out."""
    given: dict[str, Any] = {"description": source.description}
    created_at, updated_at = now, None
    if isinstance(source, CompassEntity):
        created_at, updated_at = read_time(source.created_at) or now, read_time(source.updated_at)
        details = [{"details": {name: text}} for name, text in source.details.items() if text]
        given |= {"provider_name": source.provider_name} if kind is EntityKind.APPLICATION else {}
    else:
        details = []
    try:
        made = directory.register_entity(home, kind, {"name": name}, id=UUID(id), now=created_at)
    except InvalidData as refusal:
        raise Left(str(refusal)) from refusal
    changes: list[str] = []
    for change in ([{key: text} for key, text in given.items() if text]) + details:
        try:
            made = directory.update_entity(made, change, now=created_at)
        except InvalidData as refusal:
            changes.append(f"Left out: {refusal}")
    return replace(made, updated_at=updated_at), changes


def names(source: CompassEntity | CompassSystem, kind: EntityKind) -> Sequence[str]:
    """The names that the entity may have here: its own if that may be one, then one that nothing else has."""
    most = MAX_RUNTIME_NAME if kind is EntityKind.RUNTIME else MAX_NAME
    if kind is EntityKind.RUNTIME:
        plain = _RUNTIME_RESERVED.sub("-", source.name)
    else:
        plain = "".join(each if each.isprintable() else "-" for each in source.name).strip()
    plain = plain[: most - _SUFFIX - 1] or kind.value.lower()
    return [*([source.name] if _is_name(kind, source.name) else []), f"{plain}-{source.id[:_SUFFIX]}"]


def _is_name(kind: EntityKind, name: str) -> bool:
    try:
        directory.check_entity_name(kind, name)
    except InvalidData:
        return False
    return True


def read_labels(source: CompassEntity, home: str, given: Labels) -> tuple[Labels, Sequence[tuple[str, str]]]:
    """The labels that may be kept in addition to those that are ``given``; and the keys of the others, with the reason.

    ``home`` is the id of the owner's tenant there, whose label stands before another tenant's of the same key. The
    label that says the formations is none here.
    """
    kept: dict[str, JSON] = {}
    left: list[tuple[str, str]] = []
    for label in sorted(source.labels, key=lambda each: (each.key, each.tenant_id != home)):
        if label.key == SCENARIOS:
            continue
        if label.key in kept:
            left.append((label.key, "Another tenant's of the same key; the owner's was taken."))
            continue
        try:
            value = read_text(label.value or "null")
            labels.check({**given, **kept, label.key: value})
        except JSONError as error:
            left.append((label.key, f"Its value cannot be read: {error}."))
        except InvalidData as refusal:
            left.append((label.key, str(refusal)))
        else:
            kept[label.key] = value
    return kept, left


def scenarios(source: CompassEntity, home: str) -> tuple[Sequence[str], Sequence[str]]:
    """The names of the formations of the owner's tenant to which the object is assigned, and why others are left."""
    found: list[str] = []
    left: list[str] = []
    for label in source.labels:
        if label.key != SCENARIOS:
            continue
        if label.tenant_id != home:
            left.append("A formation of a tenant that does not own the object.")
            continue
        try:
            value = read_text(label.value or "[]")
        except JSONError as error:
            left.append(f"The label {SCENARIOS} cannot be read: {error}.")
            continue
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            left.append(f"The label {SCENARIOS} is no list of names.")
            continue
        found += value
    return list(dict.fromkeys(found)), left


@dataclass(frozen=True, slots=True)
class CompassToken:
    """A one-time token as it lies in a system auth there. Of the text, only the digest is kept.

    The digest is None where the text cannot be a token here.
    """

    digest: bytes | None = field(repr=False)
    is_used: bool
    created_at: datetime | None
    expires_at: datetime | None

    def pending(
        self, auth: SystemAuth, *, id: UUID, by: str, policy: TokenPolicy, now: datetime
    ) -> OneTimeToken | None:
        """The token under that system auth; None if it is used, has expired, or cannot be one here.

        It lives no longer than ours may.
        """
        if self.is_used or self.digest is None:
            return None
        type_ = TokenType(auth.owner_kind.value)
        began = min(self.created_at or now, now)
        ends = min(self.expires_at or began + policy.lifetimes[type_], now + policy.longest[type_])
        if ends <= now:
            return None
        owner, tenant = auth.owner_id, auth.tenant_id
        return OneTimeToken(str(id), self.digest, type_, auth.id, owner, tenant, by, began, ends)


def read_auth(source: CompassAuth) -> CompassToken | None:
    """The token in a system auth, if there is one.

    Raises:
        Left: the system auth has no owner or several, or is for another credential than a certificate.
    """
    if source.owners != 1:
        raise Left(f"It has {source.owners} owners; a system auth has one.")
    value = _read_object(source.value)
    credential = value.get("Credential")
    if isinstance(credential, dict) and any(credential.values()) and not value.get("CertCommonName"):
        raise Left("It is no certificate's: its password or client secret is not kept there. Hand out a new one.")
    return _read_token(value.get("OneTimeToken"))


def _read_object(text: str | None) -> dict[str, JSON]:
    """The value of a system auth. An unreadable value holds no token; the system auth is its id, and not this."""
    try:
        value = read_text(text or "{}")
    except JSONError:
        return {}
    return value if isinstance(value, dict) else {}


def _read_token(value: JSON) -> CompassToken | None:
    text = value.get("Token") if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        return None
    try:
        digest = tokens.digest(text)
    except TokenUnknown:
        digest = None
    # Whatever is not plainly unused counts as used.
    is_used = value.get("Used") is not False
    return CompassToken(digest, is_used, read_time(value.get("CreatedAt")), read_time(value.get("ExpiresAt")))


def read_time(text: JSON) -> datetime | None:
    """The time, in UTC where it has no zone; None where it was never set or cannot be read."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        if found is None or found.year <= _NEVER_YEAR:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # beyond the year 9999, where it is another day in UTC
        return None
