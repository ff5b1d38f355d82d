"""The resolvers of the Connector API (connector.graphql)."""

from base64 import b64decode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ariadne import MutationType, QueryType, make_executable_schema
from graphql import GraphQLSchema

from connector.domain.pairing import Links, timestamp
from connector.domain.principals import PresentedCertificate, PresentedToken
from connector.domain.refusals.callers import CredentialMissing
from connector.domain.refusals.csr import BadCSR
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.requests import MethodNotAllowed
from connector.ports.transaction import Store
from connector.usecases.admission import Credential, LapsedCertificate
from connector.usecases.enrollment import Enrollment
from connector.usecases.renewal import Window
from connector.usecases.revocation import revoke_presented
from connector.web import chains, csrs
from connector.web.graphql.call import Call, Info
from connector.web.graphql.sdl import sdl
from connector.web.graphql.wanted import wanted
from connector.web.original import in_original_words

REVOKE = "revokeCertificate"
RENEW_EXPIRED = "renewExpiredCertificate"  # whose proof is its credential


@dataclass(frozen=True, slots=True)
class ConnectorAPI:
    """The resolvers and their objects."""

    store: Store
    enrollment: Enrollment
    links: Links
    key_algorithm: str

    def schema(self) -> GraphQLSchema:
        """The executable schema. A root field without a resolver does not start."""
        query = QueryType()
        query.set_field("configuration", self._configuration)
        mutation = MutationType()
        mutation.set_field("signCertificateSigningRequest", self._sign)
        mutation.set_field(RENEW_EXPIRED, self._renew_expired)
        mutation.set_field(REVOKE, self._revoke)
        return make_executable_schema(sdl("connector"), query, mutation)

    async def recognize(self, call: Call, field: str | None) -> str:
        """The caller, by the subject of their CSRs; raises Unauthenticated as the field of this name does."""
        match call.principal:
            case PresentedCertificate(fingerprint):
                return self.enrollment.subject_text((await self.enrollment.identify(fingerprint)).system_auth_id)
            case PresentedToken() as presented if field != REVOKE:
                return await self.enrollment.describe(presented, call.step)
        raise _missing(field)

    async def _configuration(self, _: None, info: Info) -> dict[str, Any]:
        match info.context.principal:
            case PresentedToken() as presented if "token" in wanted(info):
                found = await self.enrollment.configure(presented)
                return self._answer(found.subject, {"token": found.minted.secret.text})
            case PresentedToken() as presented:
                # The next one is not asked for: to spend this one would leave the system with none.
                return self._answer(await self.enrollment.describe(presented))
            case PresentedCertificate(fingerprint):
                certificate = await self.enrollment.identify(fingerprint)
                info.context.enter(certificate.tenant_id)

                # Called only where the field is asked for, so that a system that polls its URLs mints nothing.
                async def token(info: Info) -> dict[str, str]:
                    # A link on any site has a browser send a GET with its user's certificate.
                    if info.context.is_safe:
                        raise MethodNotAllowed(
                            "A certificate's holder gets a token by POST alone. Send the query by POST."
                        )
                    return {"token": (await self.enrollment.mint_for_holder(certificate)).secret.text}

                window = self.enrollment.window(certificate)
                return self._answer(self.enrollment.subject_text(certificate.system_auth_id), token, window)
        raise CredentialMissing

    def _answer(self, subject: str, token: object = None, window: Window | None = None) -> dict[str, Any]:
        return {
            "token": token,
            "renewal": None if window is None else _renewal(window),
            "certificateSigningRequestInfo": {"subject": subject, "keyAlgorithm": self.key_algorithm},
            "managementPlaneInfo": {
                "directorURL": self.links.director,
                "certificateSecuredConnectorURL": self.links.certificate_secured_connector,
            },
        }

    async def _sign(self, _: None, info: Info, csr: str) -> dict[str, str]:
        match info.context.principal:
            case PresentedToken() | PresentedCertificate() as credential:
                return await self._certificate(credential, csr, info)
        raise CredentialMissing

    async def _renew_expired(self, _: None, info: Info, certificate: str, csr: str, proof: str) -> dict[str, str]:
        credential = LapsedCertificate(_fingerprint(certificate), _proof(proof))
        return await self._certificate(credential, csr, info)

    async def _certificate(self, credential: Credential, csr: str, info: Info) -> dict[str, str]:
        try:
            certificate = await self.enrollment.sign(credential, csrs.request(csr, info.context.step))
        except BadCSR as refusal:
            raise in_original_words(refusal) from refusal
        encoded = chains.encode(certificate.der, self.enrollment.chain(certificate))
        return {
            "certificateChain": encoded.certificate_chain,
            "caCertificate": encoded.ca_certificate,
            "clientCertificate": encoded.client_certificate,
        }

    async def _revoke(self, _: None, info: Info) -> bool:
        match info.context.principal:
            case PresentedCertificate(fingerprint):
                await self.store.transaction(lambda tx: revoke_presented(tx, fingerprint))
                return True
        raise _missing(REVOKE)


def _missing(field: str | None) -> CredentialMissing:
    """The refusal of a field where the credential that it wants was not presented."""
    if field != REVOKE:
        return CredentialMissing()
    return CredentialMissing(
        "Failed to authenticate with certificate. Call this on the mutual-TLS address, with the certificate that is to "
        "be revoked."
    )


def _renewal(window: Window) -> dict[str, Any]:
    return {
        "start": timestamp(window.start),
        "end": timestamp(window.end),
        "now": window.now,
        "checkAfterSeconds": int(window.check.total_seconds()),
    }


def _proof(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""  # which is no signature of any key


def _fingerprint(text: str) -> bytes:
    try:
        fingerprint = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        fingerprint = b""
    if len(fingerprint) != sha256().digest_size:
        raise InvalidData("Invalid data certificate: use the SHA-256 of the certificate's DER, 64 hexadecimal digits.")
    return fingerprint
