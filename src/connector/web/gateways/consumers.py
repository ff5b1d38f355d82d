"""The consumer in a session, for services behind the gateway: the tenant mapping, and JWTs."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.types import Scope

from connector.domain.clients import SCOPES
from connector.domain.consumers import Consumer, MappedSubjects, tenant_of
from connector.domain.directory import EntityKind
from connector.domain.refusals.gateways import AuthorizationAmbiguous, TenantAmbiguous
from connector.domain.refusals.requests import BadRequest
from connector.domain.subjects import Narrowing, Owner
from connector.pki.distinguished_names import parse_name
from connector.ports.oidc import Bearers
from connector.ports.transaction import Store
from connector.usecases import resolving
from connector.usecases.verdicts import Verdicts
from connector.web.gateways.sessions import (
    CERTIFICATE_HASH,
    CERTIFICATE_ID,
    CERTIFICATE_ISSUER,
    CERTIFICATE_SUBJECT,
    FOREIGN_ISSUER,
    ISSUER,
    TOKEN_ID,
    Session,
)
from connector.web.gateways.sole import sole

CONSUMERS: Mapping[EntityKind, str] = {
    EntityKind.APPLICATION: "Application",
    EntityKind.RUNTIME: "Runtime",
    EntityKind.INTEGRATION_SYSTEM: "Integration System",
}
USER = "User"

FINGERPRINT_OCTETS = 32
# RFC 9110 11.1: the scheme's name in any case; RFC 6750 2.1: one token after it.
_ONE_BEARER = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_BEARER = re.compile(rb"(?:^|[\s,;])bearer\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """A consumer and its scopes; ``subject`` is its certificate's."""

    id: str
    type: str
    flow: str
    scopes: Collection[str]
    subject: str = ""

    def extra(self, *, tenant_id: str, tenant: str) -> Mapping[str, str]:
        """What Compass's services expect in a session's ``extra``; ``tenant`` is the external id."""
        tenants = json.dumps({"consumerTenant": tenant_id, "externalTenant": tenant}, separators=(",", ":"))
        return {
            # The text is put into another JSON text as it is, therefore the backslashes.
            "tenant": tenants.replace('"', '\\"'),
            "scope": " ".join(sorted(self.scopes)),
            "consumerID": self.id,
            "consumerType": self.type,
            "flow": self.flow,
            "onBehalfOf": "",
            "region": "",
            "tokenClientID": "",
            "subject": self.subject,
        }


@dataclass(frozen=True, slots=True)
class Consumers:
    """Finds out who the consumer is."""

    store: Store
    verdicts: Verdicts
    mapped: MappedSubjects
    bearers: Bearers | None

    async def tenant(self, scope: Scope, session: Session) -> bytes:
        """The tenant, the scopes and the consumer of what an earlier resolver has put into the session.

        A certificate is looked up again: the answer must hold now.
        """
        if scope["method"] != "POST":
            raise BadRequest("Send the session by POST.")
        by_certificate, by_token = session.header(CERTIFICATE_ID), session.header(TOKEN_ID)
        if by_certificate is not None and by_token is not None:
            raise BadRequest("The session names a client by certificate and by token. Resolve one of them.")
        if by_token is not None:
            owner = await resolving.owner_of(self.store, by_token)
            return session.octets if owner is None else _of_owner(session, owner, "OneTimeToken")
        fingerprint = _fingerprint(session)
        if by_certificate is None or fingerprint is None:
            return session.octets
        issuer = session.header(CERTIFICATE_ISSUER)
        if issuer == FOREIGN_ISSUER:
            return await self._foreign(scope, session, by_certificate, fingerprint)
        owner = (await self.verdicts.of(fingerprint, Narrowing())).owner if issuer == ISSUER else None
        is_same = owner is not None and owner.system_auth_id == by_certificate
        return _of_owner(session, owner, "Certificate") if owner is not None and is_same else session.octets

    async def jwt(self, scope: Scope, session: Session) -> bytes:
        """The user whom the JWT in Authorization names, in the tenant that the request names."""
        text = _bearer(scope)
        if text is None or self.bearers is None:
            return session.octets
        if session.header(CERTIFICATE_ID) is not None or session.header(TOKEN_ID) is not None:
            raise BadRequest("The session names a client already. Resolve one credential.")
        caller = await self.bearers.caller(text)
        user = Identity(caller.name, USER, "JWT", [each.value for each in caller.scopes])
        return await self._within(scope, session, user, caller.tenants)

    async def _foreign(self, scope: Scope, session: Session, id_: str, fingerprint: bytes) -> bytes:
        """The consumer to whom the subject of another CA's certificate is mapped."""
        text = session.header(CERTIFICATE_SUBJECT) or ""
        consumer = self.foreign(text, fingerprint)
        if consumer is None or consumer.id != id_ or await self.verdicts.find(fingerprint) is not None:
            return session.octets
        identity = Identity(consumer.id, consumer.type, "Certificate", consumer.scopes, text)
        return await self._within(scope, session, identity, consumer.tenants)

    def foreign(self, subject: str, fingerprint: bytes) -> Consumer | None:
        """The consumer to whom this subject of a certificate is mapped."""
        try:
            return self.mapped.consumer(parse_name(subject), fingerprint)
        except ValueError:  # not a name that a setting could hold
            return None

    async def _within(
        self, scope: Scope, session: Session, identity: Identity, tenants: frozenset[str] | None
    ) -> bytes:
        """The session with the identity, in the tenant that the header Tenant names, or in the only one.

        If it is not clear which one, or it is none of these, nobody is resolved.
        """
        value = sole(scope["headers"], b"tenant", TenantAmbiguous)
        external_id = tenant_of(tenants, None if value is None else value.decode("latin-1"))
        tenant = None if external_id is None else await resolving.tenant(self.store, external_id)
        if tenant is None:
            return session.octets
        return session.with_headers({}, extra=identity.extra(tenant_id=tenant.id, tenant=tenant.external_id))


def _of_owner(session: Session, owner: Owner, flow: str) -> bytes:
    scopes = [each.value for each in SCOPES[owner.kind]]
    subject = session.header(CERTIFICATE_SUBJECT) or "" if flow == "Certificate" else ""
    identity = Identity(owner.id, CONSUMERS[owner.kind], flow, scopes, subject)
    return session.with_headers({}, extra=identity.extra(tenant_id=owner.tenant_id, tenant=owner.tenant))


def _fingerprint(session: Session) -> bytes | None:
    try:
        found = bytes.fromhex(session.header(CERTIFICATE_HASH) or "")
    except ValueError:
        return None
    return found if len(found) == FINGERPRINT_OCTETS else None


def _bearer(scope: Scope) -> str | None:
    """The bearer token; None if there is none, or a credential of another scheme.

    Raises:
        AuthorizationAmbiguous: there are several, or it has more than a token.
    """
    value = sole(scope["headers"], b"authorization", AuthorizationAmbiguous)
    found = None if value is None else _ONE_BEARER.fullmatch(value)
    if found is not None:
        return found[1].decode("ascii")
    if value is not None and _BEARER.search(value):
        raise AuthorizationAmbiguous
    return None
