"""Who calls with a token or a certificate, found out before anything is done for them: the subject of their CSRs."""

from connector.domain import tokens
from connector.domain.steps import TOKEN_REPLAY
from connector.usecases.admission import PresentedToken
from connector.usecases.enrollment import Enrollment


async def recognize_bearer(enrollment: Enrollment, text: str, source: str | None, key: str | None) -> str:
    """The subject of whoever presents this token, which is not spent by it.

    With a ``key`` (Idempotency-Key) a token that was spent is as good, for as long
    as what it brought is answered again.

    Raises:
        TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
        StorageUnavailable: the token cannot be looked up.
    """
    if key is not None:
        presented = tokens.digest(text)
        token = await enrollment.store.read(lambda tx: tx.tokens.find(presented), single=True)
        if token is not None and token.spent_at is not None and enrollment.clock() - token.spent_at <= TOKEN_REPLAY:
            tokens.check_source(token, source)
            return enrollment.subject_text(token.system_auth_id)
    return await enrollment.describe(PresentedToken(text, source))


async def recognize_holder(enrollment: Enrollment, fingerprint: bytes) -> str:
    """The subject of the holder of this certificate.

    Raises:
        CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
    """
    return enrollment.subject_text((await enrollment.identify(fingerprint)).system_auth_id)
