"""How far a move from another installation is, and its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.domain.audit import Action
from connector.domain.certificates import RevocationReason
from connector.domain.imports import AdoptedHolder, AdoptedIssuer, Progress
from connector.domain.refusals.objects import ObjectInUse, ObjectNotFound
from connector.ports.certificates import CertificateFilter
from connector.usecases.realms import Installation
from connector.usecases.revocation import revoke


@dataclass(frozen=True, slots=True)
class Move:
    """How far it is at ``now``: the adopted CAs, the holders counted, and some of those who have not renewed."""

    now: datetime
    issuers: Sequence[AdoptedIssuer]
    progress: Progress
    waiting: Sequence[AdoptedHolder]

    @property
    def droppable_at(self) -> datetime | None:
        """From when on no known holder needs the adopted CAs; None while some holders have never come.

        Of these, nobody knows how long their certificates are valid; see :attr:`latest`.
        """
        if self.progress.unseen:
            return None
        return self.progress.needed_until or self.now

    @property
    def latest(self) -> datetime | None:
        """When the last adopted CA that has not ended expires, together with its certificates."""
        return max((each.not_after for each in self.issuers if each.ended_at is None), default=None)


def look(installation: Installation, *, most: int, after: str = "") -> Move:
    """How far the move is; ``waiting`` are those after that id, ``most`` at most.

    Raises:
        TenantForbidden: the caller may not enter every tenant.
    """
    imports, holders = installation.imports, installation.imports.holders(after=after, most=most)
    return Move(installation.now, imports.issuers(), imports.progress(now=installation.now), holders)


def end(installation: Installation, *, anyway: bool) -> Sequence[AdoptedIssuer]:
    """End the adopted CAs: their certificates authenticate nobody any more. Returns those that this call ended.

    TLS refuses such a certificate from the next connection on. Those that came in are revoked as well: a connection
    that is open goes on, and a renewal after expiry does not need one.

    Raises:
        TenantForbidden: the caller may not enter every tenant.
        ObjectNotFound: there is none.
        ObjectInUse: a holder has not renewed yet; not with ``anyway``.
    """
    move = look(installation, most=0)
    living = [each for each in move.issuers if each.ended_at is None]
    if not living:
        raise ObjectNotFound("Object not found: there is no adopted CA. See connector import status.")
    waiting = move.progress.unseen + move.progress.on_the_old_ca
    if waiting and not anyway:
        raise ObjectInUse(
            f"Object is in use: {waiting} holders have not renewed yet, and would have to enroll again. See connector "
            "import status, or end it anyway with --force."
        )
    for each in living:
        installation.imports.end(each.fingerprint, now=installation.now)
        for tenant in installation.tenants.list():
            which = CertificateFilter(issuer=each.fingerprint)
            revoke(installation.enter(tenant.external_id), which, RevocationReason.CESSATION_OF_OPERATION)
        installation.record(Action.ISSUER_ENDED, tenant=None, reason=each.fingerprint.hex())
    return living
