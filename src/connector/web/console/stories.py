"""Events in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from inspect import cleandoc

from connector.domain.audit import Action, Event, Recorded
from connector.domain.refusals import Refusal
from connector.web.problems import PROBLEMS

WORDS = {
    Action.TENANT_CREATED: "Tenant created",
    Action.TENANT_RENAMED: "Tenant renamed",
    Action.ADMINISTRATOR_CREATED: "Administrator created",
    Action.ADMINISTRATOR_DISABLED: "Administrator disabled",
    Action.ADMINISTRATOR_ENABLED: "Administrator enabled",
    Action.ADMINISTRATOR_CHANGED: "Administrator changed",
    Action.ADMINISTRATOR_REMOVED: "Administrator removed",
    Action.PASSWORD_SET: "Password set",
    Action.LINK_MADE: "Sign-in link made",
    Action.SESSION_BEGAN: "Signed in",
    Action.SESSION_ENDED: "Session ended",
    Action.SIGN_IN_REFUSED: "Sign-in refused",
    Action.KEY_CREATED: "API key created",
    Action.KEY_REVOKED: "API key revoked",
    Action.TOKEN_KEY_PUBLISHED: "Key of identity tokens published",
    Action.TOKEN_KEY_REMOVED: "Key of identity tokens removed",
    Action.ENTITY_REGISTERED: "Registered",
    Action.ENTITY_UPDATED: "Changed",
    Action.ENTITY_UNREGISTERED: "Unregistered",
    Action.PROFILE_CHOSEN: "Certificate profile chosen",
    Action.LABEL_SET: "Label set",
    Action.LABEL_DELETED: "Label deleted",
    Action.FORMATION_CREATED: "Formation created",
    Action.FORMATION_DELETED: "Formation deleted",
    Action.FORMATION_ASSIGNED: "Assigned to a formation",
    Action.FORMATION_UNASSIGNED: "Unassigned from a formation",
    Action.SERVICE_ADDED: "Service published",
    Action.SERVICE_CHANGED: "Service changed",
    Action.SERVICE_REMOVED: "Service removed",
    Action.CLIENT_CREATED: "OAuth client credentials created",
    Action.PERMISSION_GIVEN: "An integration system of another tenant may act here",
    Action.PERMISSION_WITHDRAWN: "An integration system of another tenant may no longer act here",
    Action.SYSTEM_AUTH_DELETED: "System auth deleted",
    Action.TOKEN_MINTED: "Token created",
    Action.TOKEN_SPENT: "Token redeemed",
    Action.TOKEN_REFUSED: "Attempt refused",
    Action.TOKEN_WITHDRAWN: "Token withdrawn",
    Action.ISSUER_ADOPTED: "CA adopted",
    Action.ISSUER_ENDED: "Adopted CA ended",
    Action.CERTIFICATE_ADOPTED: "Certificate of an adopted CA came in",
    Action.CERTIFICATE_ISSUED: "Connected: certificate issued",
    Action.CERTIFICATE_RENEWED: "Certificate renewed",
    Action.CERTIFICATE_REFUSED: "Renewal refused",
    Action.CERTIFICATE_RENEWAL_ASKED: "Asked to renew",
    Action.CERTIFICATE_REVOKED: "Certificate revoked",
}

MOODS = {
    "good": {Action.CERTIFICATE_ISSUED, Action.CERTIFICATE_RENEWED},
    "bad": {
        Action.TOKEN_REFUSED,
        Action.CERTIFICATE_REFUSED,
        Action.CERTIFICATE_REVOKED,
        Action.ENTITY_UNREGISTERED,
        Action.SIGN_IN_REFUSED,
    },
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a story."""

    at: datetime
    text: str
    mood: str
    actor: str
    detail: str
    serial: str | None


def lines(events: Sequence[Recorded]) -> list[Line]:
    """The story, newest first. The events of one call in one transaction make one line."""
    for_certificates = {each.event.token_id for each in events if each.event.action is Action.CERTIFICATE_ISSUED}
    story = [
        line(each.event)
        for each in events
        if not _is_the_systems(each.event)
        and not (each.event.action is Action.TOKEN_SPENT and each.event.token_id in for_certificates)
    ]
    fetched = WORDS[Action.TOKEN_SPENT]
    return [replace(each, text="Configuration fetched") if each.text == fetched else each for each in story]


def line(event: Event) -> Line:
    """An event in words."""
    mood = next((name for name, actions in MOODS.items() if event.action in actions), "")
    text = WORDS[event.action]
    if event.action is Action.TOKEN_MINTED and event.actor.startswith("certificate:"):
        text = "Configuration read over mutual TLS"
    elif _is_the_systems(event):
        text = "Next token created"
    if event.times > 1:
        text = f"{text} {event.times} times"
    return Line(event.at, text, mood, event.actor, detail(event), event.serial)


def detail(event: Event) -> str:
    """The details: a refusal in its words, or the reason or name as it was recorded."""
    if event.reason is None:
        return ""
    kind = _REFUSALS.get(event.reason)
    return event.reason if kind is None else f"{words_of(kind)} [{event.reason}]"


def words_of(kind: type[Refusal]) -> str:
    """The words of a refusal."""
    return " ".join(cleandoc(kind.__doc__ or "").split("\n\n", 1)[0].split())


def _is_the_systems(event: Event) -> bool:
    """The token that follows the one that was redeemed for the configuration is no news to anybody."""
    return event.action is Action.TOKEN_MINTED and event.actor.startswith("token:")


_REFUSALS = {kind.code: kind for kind in PROBLEMS}
