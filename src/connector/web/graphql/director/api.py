"""Who calls the Director, and for which tenant: every resolver gets the office of its caller from here."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.domain import certificates, principals
from connector.domain.certificates import Certificate
from connector.domain.directory import EntityKind
from connector.domain.pairing import Links
from connector.domain.principals import KEY_PREFIX, Bearer, Caller, Holder, Scope
from connector.domain.refusals.callers import CredentialMissing, InsufficientScopes, JWTRefused
from connector.domain.refusals.keys import KeyUnknown
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.tokens import TokenPolicy
from connector.ports.oidc import Bearers
from connector.ports.transaction import Store, Transaction
from connector.usecases.enrollment import Enrollment
from connector.usecases.offices import Office
from connector.usecases.quotas import Allowances
from connector.usecases.realms import Installation, Realm, enter_as_holder
from connector.usecases.recognition import recognize_holder
from connector.web.graphql.call import Call, Info
from connector.web.graphql.director.scopes import required


@dataclass(frozen=True, slots=True)
class Director:
    """What the resolvers share. ``bearers`` is None where no OpenID Connect issuer is set."""

    store: Store
    enrollment: Enrollment
    links: Links
    tokens: TokenPolicy
    allowances: Allowances
    bearers: Bearers | None

    async def office(self, info: Info, tenant: str | None = None) -> Office[Realm]:
        """Where the field's use cases are run in the tenant that the caller named, in the header or as ``tenant``.

        Raises:
            Unauthenticated, InsufficientScopes: the caller is not known, or may not ask for this field. Its use cases
                raise the same, and TenantRequired, TenantNotFound or TenantForbidden.
        """
        external_id = tenant or info.context.tenant
        identify = await self._identify(info)
        return Office(self.store, lambda tx: _entered(info, Installation(tx, identify(tx)).enter(external_id)))

    async def installation(self, info: Info) -> Office[Installation]:
        """Where the field's use cases are run that are no tenant's; it raises as :meth:`office` does."""
        identify = await self._identify(info)
        return Office(self.store, lambda tx: Installation(tx, identify(tx)))

    async def own_office(self, info: Info, kind: EntityKind, id: str) -> Office[Realm] | None:
        """Where the holder of a certificate reads about itself; None where it asks about another.

        Raises:
            CredentialMissing, CertificateUnknown, CertificateRevoked, CertificateExpired: see :meth:`holder`.
        """
        certificate = await self.holder(info)
        office = self._holders_office(info, certificate, kind)
        if (certificate.owner_kind, certificate.owner_id) == (kind, id):
            return office
        await office.read(lambda _: None)  # refuses a tenant that is not the holder's
        return None

    async def viewer(self, info: Info) -> Certificate:
        """The certificate of the holder that calls, for the tenant that it names, if it names one; see :meth:`holder`.

        Raises:
            TenantForbidden: it names another tenant than its own.
        """
        certificate = await self.holder(info)
        await self._holders_office(info, certificate).read(lambda _: None)
        return certificate

    async def own_changes(self, info: Info, kind: EntityKind, id: str) -> Office[Realm]:
        """Where the holder of a certificate changes itself. Its certificate is looked up in the transaction of the
        change: one that was revoked before changes nothing after.

        Raises:
            CredentialMissing, CertificateUnknown, CertificateRevoked, CertificateExpired: see :meth:`holder`. Its use
                cases raise the same, and ObjectNotFound where the id is not the holder's own.
        """
        fingerprint = (await self.holder(info)).fingerprint
        named, scope = info.context.tenant, Scope(f"{kind.name.lower()}:write")

        def enter(tx: Transaction) -> Realm:
            certificate = certificates.check(tx.inventory.find(fingerprint), now=tx.now)
            realm = enter_as_holder(tx, certificate, named, scope)
            if (certificate.owner_kind, certificate.owner_id) != (kind, id):
                raise ObjectNotFound
            return realm

        return Office(self.store, enter)

    async def holder(self, info: Info) -> Certificate:
        """The certificate with which its holder calls.

        Raises:
            CredentialMissing: there is none.
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        if not isinstance(info.context.principal, Holder):
            raise CredentialMissing
        return await self.enrollment.identify(info.context.principal.fingerprint)

    def _holders_office(self, info: Info, certificate: Certificate, kind: EntityKind | None = None) -> Office[Realm]:
        named, word = info.context.tenant, kind.name.lower() if kind is not None else None
        scopes = () if word is None else (Scope(f"{word}:read"), Scope(f"{word}.auths:read"))
        return Office(self.store, lambda tx: _entered(info, enter_as_holder(tx, certificate, named, *scopes)))

    async def recognize(self, call: Call, _: str | None) -> str:
        """Who calls: the name in the audit, or the subject of a CSR; raises Unauthenticated as every field does."""
        match call.principal:
            case Bearer(text) if text.startswith(KEY_PREFIX):
                return (await self.store.read(lambda tx: self._key_bearer(tx, text), single=True)).actor
            case Bearer(text):
                return (await self._bearer(text)).actor
            case Holder(fingerprint):
                return await recognize_holder(self.enrollment, fingerprint)
        raise CredentialMissing

    async def _identify(self, info: Info) -> Callable[[Transaction], Caller]:
        """How to find out, in a transaction, who calls and that they have the field's scope."""
        scope = required(info.parent_type, info.field_name)
        match info.context.principal:
            case Bearer(text):
                known = None if text.startswith(KEY_PREFIX) else await self._bearer(text)
            case Holder():
                await self.holder(info)
                raise InsufficientScopes(
                    f"Insufficient scopes provided: {scope} is required. The holder of a certificate may only ask for "
                    "viewer and for itself; call with an API key on the public address."
                )
            case _:
                raise CredentialMissing

        def identify(tx: Transaction) -> Caller:
            caller = known or self._key_bearer(tx, text)
            if scope is not None:
                caller.require(scope)
            return caller

        return identify

    async def _bearer(self, text: str) -> Caller:
        """Who calls with a text that is none of our keys."""
        if text.count(".") != 2:  # noqa: PLR2004 - RFC 7515 7.1: three parts
            raise KeyUnknown
        if self.bearers is None:
            raise JWTRefused(
                "Bearer tokens are not accepted here: no OpenID Connect issuer is set. Call with an API key."
            )
        return await self.bearers.caller(text)

    def _key_bearer(self, tx: Transaction, text: str) -> Caller:
        presented = principals.digest(text)
        return principals.check(tx.keys.find(presented), presented, now=tx.now)


def _entered(info: Info, realm: Realm) -> Realm:
    """The realm, after its tenant was noted as the one that the request is for."""
    info.context.enter(realm.tenant_id)
    return realm
