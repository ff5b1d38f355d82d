"""The audit: one event for each decision, appended in the transaction that made it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from connector.domain.certificates import Certificate
from connector.domain.directory import Entity, SystemAuth
from connector.domain.formations import Formation
from connector.domain.permissions import Permission
from connector.domain.tokens import OneTimeToken

About = Entity | Formation | Permission | SystemAuth | OneTimeToken | Certificate


class Action(StrEnum):
    """The kinds of events; the values are API."""

    TENANT_CREATED = "tenant.created"
    TENANT_RENAMED = "tenant.renamed"
    ADMINISTRATOR_CREATED = "administrator.created"
    ADMINISTRATOR_DISABLED = "administrator.disabled"
    ADMINISTRATOR_ENABLED = "administrator.enabled"
    ADMINISTRATOR_CHANGED = "administrator.changed"
    ADMINISTRATOR_REMOVED = "administrator.removed"
    PASSWORD_SET = "password.set"
    LINK_MADE = "sign_in_link.made"
    SESSION_BEGAN = "session.began"
    SESSION_ENDED = "session.ended"
    SIGN_IN_REFUSED = "sign_in.refused"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    TOKEN_KEY_PUBLISHED = "token_key.published"
    TOKEN_KEY_REMOVED = "token_key.removed"
    ENTITY_REGISTERED = "entity.registered"
    ENTITY_UPDATED = "entity.updated"
    ENTITY_UNREGISTERED = "entity.unregistered"
    PROFILE_CHOSEN = "profile.chosen"
    LABEL_SET = "label.set"
    LABEL_DELETED = "label.deleted"
    FORMATION_CREATED = "formation.created"
    FORMATION_DELETED = "formation.deleted"
    FORMATION_ASSIGNED = "formation.assigned"
    FORMATION_UNASSIGNED = "formation.unassigned"
    SERVICE_ADDED = "service.added"
    SERVICE_CHANGED = "service.changed"
    SERVICE_REMOVED = "service.removed"
    CLIENT_CREATED = "client.created"
    PERMISSION_GIVEN = "permission.given"
    PERMISSION_WITHDRAWN = "permission.withdrawn"
    SYSTEM_AUTH_DELETED = "system_auth.deleted"
    TOKEN_MINTED = "token.minted"
    TOKEN_SPENT = "token.spent"
    TOKEN_REFUSED = "token.refused"
    TOKEN_WITHDRAWN = "token.withdrawn"
    ISSUER_ADOPTED = "issuer.adopted"
    ISSUER_ENDED = "issuer.ended"
    CERTIFICATE_ADOPTED = "certificate.adopted"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_RENEWED = "certificate.renewed"
    CERTIFICATE_RENEWAL_ASKED = "certificate.renewal_asked"
    CERTIFICATE_REFUSED = "certificate.refused"
    CERTIFICATE_REVOKED = "certificate.revoked"


class Circumstances(NamedTuple):
    """The circumstances of a request: the client's address, an id that its log lines have too, and what was called."""

    address: str | None
    request_id: str
    method: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    ``actor`` says who did it: ``admin:<key's name>`` or ``admin:<tenant>/<key's name>``, ``user:<name at the issuer>``,
    ``admin_certificate:<rule> sha256=<fingerprint> subject=<subject>``, ``administrator:<name>``, ``token:<id>``,
    ``certificate:<serial>``, ``system_auth:<id>``, ``integration_system:<id>/<system auth's id>``,
    ``command:<user of the operating system>``, ``command`` (an import) or ``system``.
    The other fields point at what it happened to, each where it applies; ``reason`` is a refusal's code, a revocation
    reason, a name, or what was changed from what to what. None is ever a secret. ``times`` is how often it happened,
    where repeats are counted; ``at`` is then the last time. ``address`` and ``request_id`` are those of the request in
    which it happened; a command and the server itself have none.
    """

    at: datetime
    action: Action
    actor: str
    tenant_id: str | None = None
    owner_id: str | None = None
    system_auth_id: str | None = None
    token_id: str | None = None
    serial: str | None = None
    reason: str | None = None
    times: int = 1
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that was recorded, and its number: a later one's is greater."""

    number: int
    event: Event


def event(
    action: Action,
    about: About,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
    token_id: str | None = None,
) -> Event:
    """An event about a record, which points at everything that the record belongs to. ``token_id`` is the token by
    which it came about.
    """
    auth: str | None
    serial = None
    match about:
        case Entity() | Formation():
            owner, auth = about.id, None
        case Permission():
            owner, auth = about.system_id, None
        case SystemAuth():
            owner, auth = about.owner_id, about.id
        case OneTimeToken():
            owner, auth, token_id = about.owner_id, about.system_auth_id, about.id
        case Certificate():
            owner, auth, serial = about.owner_id, about.system_auth_id, about.serial
    return Event(
        at=at,
        action=action,
        actor=actor,
        tenant_id=about.tenant_id,
        owner_id=owner,
        system_auth_id=auth,
        token_id=token_id,
        serial=serial,
        reason=reason,
    )


def within(circumstances: Circumstances | None, event: Event) -> Event:
    """The event with the circumstances of its request, unless it has some already."""
    if circumstances is None or event.request_id is not None:
        return event
    # Each enrollment has two events, and dataclasses.replace takes twice as long.
    return Event(
        at=event.at,
        action=event.action,
        actor=event.actor,
        tenant_id=event.tenant_id,
        owner_id=event.owner_id,
        system_auth_id=event.system_auth_id,
        token_id=event.token_id,
        serial=event.serial,
        reason=event.reason,
        times=event.times,
        address=circumstances.address,
        request_id=circumstances.request_id,
    )
