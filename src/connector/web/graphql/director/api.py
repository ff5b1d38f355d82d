"""Who calls the Director, and for which tenant: every resolver reads and writes through here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from connector.domain import certificates, principals
from connector.domain.certificates import Certificate
from connector.domain.directory import EntityKind
from connector.domain.pairing import Links
from connector.domain.principals import KEY_PREFIX, Bearer, Caller, Holder, Scope
from connector.domain.refusals.callers import CredentialMissing, InsufficientScopes, JWTRefused
from connector.domain.refusals.keys import KeyUnknown
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.oidc import Bearers
from connector.ports.transaction import Transaction
from connector.usecases.access import Realm, enter, enter_as_holder
from connector.usecases.enrollment import Enrollment
from connector.usecases.recognition import recognize_holder
from connector.web.graphql.call import Call, Info
from connector.web.graphql.director.scopes import required

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Director:
    """What the resolvers share. ``bearers`` is None where no OpenID Connect issuer is set."""

    enrollment: Enrollment
    links: Links
    bearers: Bearers | None

    async def read(self, info: Info, function: Callable[[Transaction, Realm], T], *, tenant: str | None = None) -> T:
        """Run the function in the tenant that the caller named, in the header or as ``tenant``; it only reads.

        Raises:
            Unauthenticated, InsufficientScopes: the caller is not known, or may not ask for this field.
            TenantRequired, TenantNotFound, TenantForbidden: see :func:`connector.usecases.access.enter`.
        """
        external_id = tenant or info.context.tenant
        return await self.ask(info, lambda tx, caller: function(tx, _enter(tx, info.context, caller, external_id)))

    async def write(self, info: Info, function: Callable[[Transaction, Realm], T], *, alone: bool = True) -> T:
        """Run the function in one transaction in the tenant that the caller named; it raises as :meth:`read` does.

        ``alone`` is that of :meth:`connector.ports.transaction.Store.transaction`.
        """
        external_id = info.context.tenant
        return await self.change(
            info, lambda tx, caller: function(tx, _enter(tx, info.context, caller, external_id)), alone=alone
        )

    async def ask(self, info: Info, function: Callable[[Transaction, Caller], T]) -> T:
        """Run the function for a caller who has the field's scope; it only reads, and sees to the tenants itself."""
        identify = await self._identify(info)
        return await self.enrollment.store.read(lambda tx: function(tx, identify(tx)))

    async def change(self, info: Info, function: Callable[[Transaction, Caller], T], *, alone: bool = True) -> T:
        """Run the function in one transaction for a caller who has the field's scope; it sees to the tenants itself.

        The caller is looked up in that transaction: a key that is revoked before it changes nothing after.
        """
        identify = await self._identify(info)
        return await self.enrollment.store.transaction(lambda tx: function(tx, identify(tx)), alone=alone)

    async def read_own(
        self, info: Info, kind: EntityKind, id: str, function: Callable[[Transaction, Realm], T]
    ) -> T | None:
        """Run the function for the holder of a certificate, if it asks about itself; None for anybody else's id."""
        certificate = await self.holder(info)
        named = info.context.tenant
        scopes = (Scope(f"{kind.name.lower()}:read"), Scope(f"{kind.name.lower()}.auths:read"))

        def read(tx: Transaction) -> T | None:
            realm = enter_as_holder(tx, certificate, named, *scopes)
            info.context.enter(realm.tenant.id)
            is_own = (certificate.owner_kind, certificate.owner_id) == (kind, id)
            return function(tx, realm) if is_own else None

        return await self.enrollment.store.read(read)

    async def write_own(self, info: Info, kind: EntityKind, id: str, function: Callable[[Transaction, Realm], T]) -> T:
        """Run the function in one transaction for the holder of a certificate who changes itself.

        The certificate is looked up in that transaction: one that was revoked before changes nothing after.

        Raises:
            ObjectNotFound: the id is not the holder's own.
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        fingerprint = (await self.holder(info)).fingerprint
        named, scope, now = info.context.tenant, Scope(f"{kind.name.lower()}:write"), self.enrollment.clock()

        def write(tx: Transaction) -> T:
            certificate = certificates.check(tx.inventory.find(fingerprint), now=now)
            realm = enter_as_holder(tx, certificate, named, scope)
            if (certificate.owner_kind, certificate.owner_id) != (kind, id):
                raise ObjectNotFound
            return function(tx, realm)

        return await self.enrollment.store.transaction(write)

    async def holder(self, info: Info) -> Certificate:
        """The certificate with which its holder calls.

        Raises:
            CredentialMissing: there is none.
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        if not isinstance(info.context.principal, Holder):
            raise CredentialMissing
        return await self.enrollment.identify(info.context.principal.fingerprint)

    async def recognize(self, call: Call, _: str | None) -> str:
        """Who calls: the name in the audit, or the subject of a CSR; raises Unauthenticated as every field does."""
        match call.principal:
            case Bearer(text) if text.startswith(KEY_PREFIX):
                return (await self.enrollment.store.read(lambda tx: self._key_bearer(tx, text), single=True)).actor
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
        return principals.check(tx.keys.find(presented), presented, now=self.enrollment.clock())


def _enter(tx: Transaction, call: Call, caller: Caller, external_id: str | None) -> Realm:
    realm = enter(tx, caller, external_id)
    call.enter(realm.tenant.id)
    return realm
