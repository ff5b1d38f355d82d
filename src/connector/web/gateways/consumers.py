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
from connector.domain.subjects import Owner
from connector.pki.distinguished_names import parse_name
from connector.pki.names import SubjectPolicy
from connector.ports.oidc import Bearers
from connector.ports.transaction import Store
from connector.usecases import resolving
from connector.usecases.verdicts import Verdicts
from connector.web.gateways.sessions import FOREIGN_ISSUER, ISSUER, TOKEN_ID, Certified, Session
from connector.web.gateways.sole import sole

CONSUMERS: Mapping[EntityKind, str] = {
    EntityKind.APPLICATION: "Application",
    EntityKind.RUNTIME: "Runtime",
    EntityKind.INTEGRATION_SYSTEM: "Integration System",
}
USER = "User"

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
    """Finds out who the consumer is. ``rule`` is the form of the subjects that are believed, None to believe none."""

    store: Store
    verdicts: Verdicts
    mapped: MappedSubjects
    rule: SubjectPolicy | None
    bearers: Bearers | None

    @property
    def believes_subjects(self) -> bool:
        """Whether a certificate that is not in the inventory can be resolved by its subject."""
        return self.rule is not None or bool(self.mapped.mapped)

    async def tenant(self, scope: Scope, session: Session) -> bytes:
        """The tenant, the scopes and the consumer of what an earlier resolver has put into the session.

        A certificate is looked up again: the answer must hold now.
        """
        if scope["method"] != "POST":
            raise BadRequest("Send the session by POST.")
        certified, by_token = session.certified, session.header(TOKEN_ID)
        if certified is not None and by_token is not None:
            raise BadRequest("The session names a client by certificate and by token. Resolve one of them.")
        if by_token is not None:
            owner = await resolving.owner_of(self.store, by_token)
            return session.octets if owner is None else _of_owner(session, owner, "OneTimeToken")
        if certified is None or certified.fingerprint is None:
            return session.octets
        if certified.issuer == FOREIGN_ISSUER:
            return await self._foreign(scope, session, certified, certified.fingerprint)
        if certified.issuer != ISSUER:
            return session.octets
        owner = await self._holder(certified, certified.fingerprint)
        if owner is None or owner.system_auth_id != certified.id:
            return session.octets
        return _of_owner(session, owner, "Certificate", certified.subject)

    async def jwt(self, scope: Scope, session: Session) -> bytes:
        """The user whom the JWT in Authorization names, in the tenant that the request names."""
        text = _bearer(scope)
        if text is None or self.bearers is None:
            return session.octets
        if session.certified is not None or session.header(TOKEN_ID) is not None:
            raise BadRequest("The session names a client already. Resolve one credential.")
        caller = await self.bearers.caller(text)
        user = Identity(caller.name, USER, "JWT", [each.value for each in caller.scopes])
        return await self._within(scope, session, user, caller.tenants)

    async def _holder(self, certified: Certified, fingerprint: bytes) -> Owner | None:
        """The holder of a certificate that is in the inventory, or for which the subject rule holds."""
        found = await self.verdicts.find(fingerprint)
        if found is None and self.rule is not None:
            return await self.by_rule(certified.subject, fingerprint)
        return self.verdicts.judge(found)

    async def by_rule(self, subject: str, fingerprint: bytes) -> Owner | None:
        """The holder of a certificate that is not in the inventory, by the subject rule."""
        id_ = None if self.rule is None else self.rule.common_name(subject)
        return None if id_ is None else await resolving.owner_of_unknown(self.store, fingerprint, id_)

    async def _foreign(self, scope: Scope, session: Session, certified: Certified, fingerprint: bytes) -> bytes:
        """The consumer to whom the subject of another CA's certificate is mapped."""
        consumer = self.foreign(certified.subject, fingerprint)
        if consumer is None or consumer.id != certified.id or await self.verdicts.find(fingerprint) is not None:
            return session.octets
        identity = Identity(consumer.id, consumer.type, "Certificate", consumer.scopes, certified.subject)
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


def _of_owner(session: Session, owner: Owner, flow: str, subject: str = "") -> bytes:
    scopes = [each.value for each in SCOPES[owner.kind]]
    identity = Identity(owner.id, CONSUMERS[owner.kind], flow, scopes, subject)
    return session.with_headers({}, extra=identity.extra(tenant_id=owner.tenant_id, tenant=owner.tenant))


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
