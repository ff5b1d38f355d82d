"""The operations of the legacy REST API (docs/wire-contract.md, "Legacy REST"), on the use cases that GraphQL uses."""

import re
from dataclasses import dataclass

from starlette.responses import Response

from connector.domain.principals import PresentedCertificate, PresentedToken
from connector.domain.refusals.requests import BadRequest
from connector.domain.strict_json import JSONError, read_object
from connector.ports.transaction import Store
from connector.usecases.admission import CertificateRequest
from connector.usecases.enrollment import Enrollment
from connector.usecases.own_application import own_application
from connector.usecases.revocation import revoke_presented
from connector.web import chains, csrs
from connector.web.callers import source, step_key
from connector.web.legacy.addresses import Addresses
from connector.web.legacy.answers import empty_answer, legacy_answer
from connector.web.legacy.call import Call
from connector.web.legacy.credentials import presented_certificate, presented_token, refuse_browsers
from connector.web.requests import BodyLimits, read_body
from connector.web.throttle import Throttle

CREATED = 201

# The characters with Unicode's property White_Space: the original removes them from a CSR before it decodes it.
_WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


@dataclass(frozen=True, slots=True)
class LegacyAPI:
    """The operations and their objects."""

    store: Store
    enrollment: Enrollment
    addresses: Addresses
    key_algorithm: str
    limits: BodyLimits
    throttle: Throttle

    async def information(self, call: Call) -> Response:
        """The information for an application's CSR, for its token: that is spent, and ``csrUrl`` holds the next one.

        The application is looked up first, so that nothing can fail once the token is spent.
        """
        credential = self._token(call)
        token = await self.enrollment.token(credential)
        call.seat.enter(token.tenant_id)
        application = await self.store.read(lambda tx: own_application(tx, token))
        found = await self.enrollment.configure(credential)
        return legacy_answer(
            {
                "csrUrl": self.addresses.csr_url(found.minted.secret),
                "api": self.addresses.api(application),
                "certificate": self._certificate(found.subject),
            }
        )

    async def management(self, call: Call) -> Response:
        """The addresses for the holder of an application's certificate."""
        holder = await self.enrollment.identify(presented_certificate(call.scope).fingerprint)
        call.seat.enter(holder.tenant_id)
        application = await self.store.read(lambda tx: own_application(tx, holder))
        return legacy_answer(
            {
                "clientIdentity": {"application": application.name},
                "urls": self.addresses.management(application),
                "certificate": self._certificate(self.enrollment.subject_text(holder.system_auth_id)),
            }
        )

    async def enroll(self, call: Call) -> Response:
        """The first certificate, for a token."""
        return await self._sign(self._token(call), call)

    async def renew(self, call: Call) -> Response:
        """The next certificate, for the present one."""
        credential = presented_certificate(call.scope)
        refuse_browsers(call.scope)
        return await self._sign(credential, call)

    async def revoke(self, call: Call) -> Response:
        """Revoke the certificate that is presented."""
        fingerprint = presented_certificate(call.scope).fingerprint
        refuse_browsers(call.scope)
        await self.store.transaction(lambda tx: revoke_presented(tx, fingerprint))
        return empty_answer(CREATED)

    def _token(self, call: Call) -> PresentedToken:
        credential = presented_token(call.scope)
        self.throttle.admit(source(call.scope))
        return credential

    def _certificate(self, subject: str) -> dict[str, str]:
        return {"subject": subject, "extensions": "", "key-algorithm": self.key_algorithm}

    async def _sign(self, credential: PresentedToken | PresentedCertificate, call: Call) -> Response:
        key = step_key(call.scope)
        try:
            request = await self._request(call, key)
        except BadRequest:
            await self._recognize(credential, key)  # an unknown caller learns that first
            raise
        certificate = await self.enrollment.sign(credential, request)
        encoded = chains.encode(certificate.der, self.enrollment.chain(certificate))
        return legacy_answer(
            {
                "crt": encoded.certificate_chain,
                "clientCrt": encoded.client_certificate,
                "caCrt": encoded.ca_certificate,
            },
            status=CREATED,
        )

    async def _request(self, call: Call, key: str | None) -> CertificateRequest:
        """The CSR in the body, with any Content-Type: Go clients send none."""
        body = await read_body(call.scope, call.receive, self.limits, anonymous=False)
        try:
            csr = read_object(body).get("csr")
        except JSONError as error:
            raise _unreadable(str(error)) from error
        if not isinstance(csr, str):
            raise _unreadable("it holds no csr")
        return csrs.request(_WHITE_SPACE.sub("", csr), key)

    async def _recognize(self, credential: PresentedToken | PresentedCertificate, key: str | None) -> None:
        match credential:
            case PresentedToken():
                await self.enrollment.describe(credential, key)
            case PresentedCertificate(fingerprint):
                await self.enrollment.identify(fingerprint)


def _unreadable(reason: str) -> BadRequest:
    return BadRequest(
        f'Failed to read certificate request: {reason}. Send {{"csr": "..."}}, the base64 of the CSR\'s PEM.'
    )
