"""What a gateway resolves for services behind it: a one-time token, and a system auth, to their owner."""

from connector.domain.directory import Tenant
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.subjects import Owner
from connector.domain.tokens import OneTimeToken
from connector.ports.transaction import Transaction
from connector.usecases.admission import PresentedToken, redeem
from connector.usecases.enrollment import Enrollment
from connector.usecases.events import token_spent


async def spend(enrollment: Enrollment, text: str) -> OneTimeToken:
    """Spend a one-time token that a gateway passes on; of several that present it at once, one wins.

    A token that is bound to a network is refused: the gateway's address is not that of the token's bearer.

    Raises:
        TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
        StorageUnavailable: it is not known whether it is.
    """
    token = await enrollment.token(PresentedToken(text, None))
    now = enrollment.clock()

    def use(tx: Transaction) -> None:
        redeem(tx, token, now=now)
        tx.audit.append(token_spent(token, now=now))

    try:
        await enrollment.store.transaction(use, alone=False)
    except Unauthenticated as refusal:
        await enrollment.note_token(token, refusal)
        raise
    return token


async def owner_of(enrollment: Enrollment, system_auth_id: str) -> Owner | None:
    """The owner of a system auth; None once it is deleted."""
    return await enrollment.store.look_up(lambda tx: tx.subjects.owner(system_auth_id))


async def tenant(enrollment: Enrollment, external_id: str) -> Tenant | None:
    """The tenant of this external id."""
    return await enrollment.store.look_up(lambda tx: tx.tenants.find(external_id))
