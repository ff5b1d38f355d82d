"""Events about tokens and certificates, by those who act with them."""

from datetime import datetime

from connector.domain.audit import Action, Event
from connector.domain.certificates import Certificate
from connector.domain.tokens import OneTimeToken
from connector.usecases.revocation import token_event


def name(caller: OneTimeToken | Certificate) -> str:
    """How the audit names the bearer of a token, or the holder of a certificate."""
    return f"token:{caller.id}" if isinstance(caller, OneTimeToken) else f"certificate:{caller.serial}"


def token_spent(token: OneTimeToken, *, now: datetime) -> Event:
    """The token was spent by its bearer."""
    return token_event(Action.TOKEN_SPENT, token, actor=name(token), now=now)


def token_minted(token: OneTimeToken) -> Event:
    """The token was minted."""
    return token_event(Action.TOKEN_MINTED, token, actor=token.minted_by, now=token.minted_at)


def certificate_event(
    action: Action,
    certificate: Certificate,
    *,
    actor: OneTimeToken | Certificate,
    at: datetime,
    reason: str | None = None,
) -> Event:
    """An event about a certificate."""
    return Event(
        at=at,
        action=action,
        actor=name(actor),
        tenant_id=certificate.tenant_id,
        owner_id=certificate.owner_id,
        system_auth_id=certificate.system_auth_id,
        token_id=actor.id if isinstance(actor, OneTimeToken) else None,
        serial=certificate.serial,
        reason=reason,
    )
