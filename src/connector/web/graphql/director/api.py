"""The Director's callers and their tenants: every resolver gets the office of its caller from here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from connector.domain import certificates, principals
from connector.domain.certificates import Certificate
from connector.domain.clients import ACCESS_PREFIX, Access
from connector.domain.directory import EntityKind, SystemAuth
from connector.domain.pairing import Links
from connector.domain.principals import KEY_PREFIX, AdminHolder, Bearer, Caller, PresentedCertificate, Scope
from connector.domain.refusals.callers import CredentialMissing, InsufficientScopes, JWTRefused
from connector.domain.refusals.keys import KeyUnknown
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.tokens import TokenPolicy
from connector.ports.oidc import Bearers
from connector.ports.transaction import Store, Transaction
from connector.usecases.admin_certificates import AdminCertificates
from connector.usecases.clients import access_of
from connector.usecases.enrollment import Enrollment
from connector.usecases.offices import Office
from connector.usecases.quotas import Allowances
from connector.usecases.realms import Installation, Realm, enter_as_owner
from connector.web.graphql.call import Call, Info
from connector.web.graphql.director.scopes import required

# An application reads the credentials that it published itself, a runtime those of the applications that it calls.
INSTANCE_AUTHS = Scope.BUNDLE_INSTANCE_AUTHS_READ


@dataclass(frozen=True, slots=True)
class Director:
    """The resolvers' shared objects. ``bearers`` is None where no OpenID Connect issuer is set, ``admin_certificates``
    where no administrator comes with a certificate.
    """

    store: Store
    enrollment: Enrollment
    links: Links
    tokens: TokenPolicy
    allowances: Allowances
    bearers: Bearers | None
    admin_certificates: AdminCertificates | None = None

    async def office(self, info: Info, tenant: str | None = None) -> Office[Realm]:
        """Where the field's use cases are run in the tenant that the caller named, in the header or as ``tenant``.

        Raises:
            Unauthenticated, InsufficientScopes: the caller is not known, or may not ask for this field. Its use cases
                raise the same, and TenantRequired, TenantNotFound or TenantForbidden.
        """
        external_id = tenant or info.context.tenant
        identify = await self._identify(info)
        return Office(self.store, lambda tx: _entered(info, Installation(tx, identify(tx)).enter(external_id)))

    def known_profile(self, name: str | None) -> str | None:
        """The name, if there is a certificate profile of that name here; None stands for a default.

        Raises:
            InvalidData: there is none.
        """
        profiles = self.enrollment.profiles
        if profiles.named(name) is None:
            raise InvalidData(f"Invalid data certificateProfile: use {' or '.join(profiles.names)}, or null.")
        return name

    async def installation(self, info: Info) -> Office[Installation]:
        """Where the field's use cases are run that are no tenant's; it raises as :meth:`office` does."""
        identify = await self._identify(info)
        return Office(self.store, lambda tx: Installation(tx, identify(tx)))

    async def office_of_auth(self, info: Info, system_auth_id: str) -> Office[Realm]:
        """As :meth:`office`; where the caller names no tenant, in the tenant that the system auth is in.

        Raises:
            ObjectNotFound: its use cases raise it where that is no tenant that the caller may enter.
        """
        if info.context.tenant:
            return await self.office(info)
        identify = await self._identify(info)
        return Office(
            self.store, lambda tx: _entered(info, Installation(tx, identify(tx)).enter_by_auth(system_auth_id))
        )

    async def acts_for_itself(self, info: Info) -> bool:
        """Whether an application or runtime calls, by its certificate or by its access token.

        Raises:
            AccessTokenUnknown, AccessTokenExpired: the access token is not good.
        """
        match info.context.principal:
            case PresentedCertificate():
                return True
            case Bearer(text) if text.startswith(ACCESS_PREFIX):
                return not (await self._access(text)).is_integration_system
        return False

    async def own_office(self, info: Info, kind: EntityKind, id: str) -> Office[Realm] | None:
        """Where an application or runtime reads about itself; None where it asks about another.

        Raises:
            Unauthenticated, InsufficientScopes: see :meth:`way_in`.
        """
        way_in = await self.way_in(info)
        office = self._own_office(info, way_in, kind)
        if _is_of(way_in, kind, id):
            return office
        await office.read(lambda _: None)  # refuses a tenant that is not its own
        return None

    async def viewer(self, info: Info) -> Certificate | SystemAuth:
        """Which application or runtime calls, for the tenant that it names, if it names one; see :meth:`way_in`.

        Raises:
            TenantForbidden: it names another tenant than its own.
        """
        way_in = await self.way_in(info)
        await self._own_office(info, way_in).read(lambda _: None)
        return way_in.auth if isinstance(way_in, Access) else way_in

    async def own_changes(self, info: Info, kind: EntityKind, id: str) -> Office[Realm]:
        """Where an application or runtime changes itself. Its certificate or access token is looked up in the
        transaction of the change: one that was revoked before changes nothing after.

        Raises:
            Unauthenticated, InsufficientScopes: see :meth:`way_in`. Its use cases raise the same, and ObjectNotFound
                where the id is not its own.
        """
        await self.way_in(info)
        principal = info.context.principal
        named, scope = info.context.tenant, Scope(f"{kind.name.lower()}:write")

        def enter(tx: Transaction) -> Realm:
            way_in: Certificate | Access
            match principal:
                case PresentedCertificate(fingerprint):
                    way_in = certificates.check(tx.inventory.find(fingerprint), now=tx.now)
                case Bearer(text):
                    way_in = access_of(tx, text)
                case _:
                    raise CredentialMissing
            realm = _entered(info, enter_as_owner(tx, way_in, named, scope))
            if not _is_of(way_in, kind, id):
                raise ObjectNotFound
            return realm

        return Office(self.store, enter)

    async def way_in(self, info: Info) -> Certificate | Access:
        """By what an application or runtime calls that :meth:`acts_for_itself`.

        Raises:
            CredentialMissing: by nothing.
            CertificateUnknown, CertificateRevoked, CertificateExpired, AccessTokenUnknown, AccessTokenExpired: it may
                not act with it.
            InsufficientScopes: the access token does not hold the field's scope.
        """
        match info.context.principal:
            case PresentedCertificate(fingerprint):
                return await self.enrollment.identify(fingerprint)
            case Bearer(text) if text.startswith(ACCESS_PREFIX):
                access, scope = await self._access(text), required(info.parent_type, info.field_name)
                if scope is not None:
                    access.require(scope)
                return access
        raise CredentialMissing

    def _own_office(self, info: Info, way_in: Certificate | Access, kind: EntityKind | None = None) -> Office[Realm]:
        named, word = info.context.tenant, kind.name.lower() if kind is not None else None
        scopes = () if word is None else (Scope(f"{word}:read"), Scope(f"{word}.auths:read"), INSTANCE_AUTHS)
        return Office(self.store, lambda tx: _entered(info, enter_as_owner(tx, way_in, named, *scopes)))

    async def _access(self, text: str) -> Access:
        return await self.store.read(lambda tx: access_of(tx, text), single=True)

    async def recognize(self, call: Call, _: str | None) -> str:
        """The caller: the name in the audit, or the subject of a CSR; raises Unauthenticated as every field does."""
        match call.principal:
            case Bearer(text) if text.startswith(KEY_PREFIX):
                return (await self.store.read(lambda tx: self._key_bearer(tx, text), single=True)).actor
            case Bearer(text) if text.startswith(ACCESS_PREFIX):
                return (await self._access(text)).actor
            case Bearer(text):
                return (await self._bearer(text)).actor
            case PresentedCertificate(fingerprint):
                return self.enrollment.subject_text((await self.enrollment.identify(fingerprint)).system_auth_id)
            case AdminHolder() as holder:
                return (await self.store.read(lambda tx: self._admin_holder(tx, holder), single=True)).actor
        raise CredentialMissing

    async def _identify(self, info: Info) -> Callable[[Transaction], Caller]:
        """How to find out, in a transaction, who calls and that they have the field's scope."""
        scope = required(info.parent_type, info.field_name)
        find: Callable[[Transaction], Caller]
        match info.context.principal:
            case Bearer(text) if text.startswith(KEY_PREFIX):
                find = partial(self._key_bearer, text=text)
            case Bearer(text) if text.startswith(ACCESS_PREFIX):
                find = partial(self._client, text=text, scope=scope)
            case Bearer(text):
                find = partial(_known, caller=await self._bearer(text))
            case AdminHolder() as holder:
                find = partial(self._admin_holder, holder=holder)
            case PresentedCertificate():
                await self.way_in(info)
                raise InsufficientScopes(
                    f"Insufficient scopes provided: {scope} is required. The holder of a certificate may only ask for "
                    "viewer and for itself; call with an API key on the public address."
                )
            case _:
                raise CredentialMissing

        def identify(tx: Transaction) -> Caller:
            caller = find(tx)
            if scope is not None:
                caller.require(scope)
            return caller

        return identify

    async def _bearer(self, text: str) -> Caller:
        """The caller with a text that is none of our keys."""
        if text.count(".") != 2:  # noqa: PLR2004 - RFC 7515 7.1: three parts
            raise KeyUnknown
        if self.bearers is None:
            raise JWTRefused(
                "Bearer tokens are not accepted here: no OpenID Connect issuer is set. Call with an API key."
            )
        return await self.bearers.caller(text)

    @staticmethod
    def _client(tx: Transaction, text: str, scope: Scope | None) -> Caller:
        """The caller with an access token that does not act for itself."""
        access = access_of(tx, text)
        if not access.is_integration_system:
            raise InsufficientScopes(
                f"Insufficient scopes provided: {scope} is required. An application or runtime may only ask for viewer "
                "and for itself; call with an API key, or as an integration system."
            )
        return access.caller

    def _admin_holder(self, tx: Transaction, holder: AdminHolder) -> Caller:
        """The caller with a certificate of a CA that is set for administrators."""
        if self.admin_certificates is None:
            raise CredentialMissing
        return self.admin_certificates.caller(tx, holder)

    @staticmethod
    def _key_bearer(tx: Transaction, text: str) -> Caller:
        presented = principals.digest(text)
        return principals.check(tx.keys.find(presented), presented, now=tx.now)


def _known(_: Transaction, caller: Caller) -> Caller:
    """The caller who was identified before the transaction: a JWT is not looked up in the database."""
    return caller


def _entered(info: Info, realm: Realm) -> Realm:
    """The realm, after its tenant was noted as the one that the request is for."""
    info.context.enter(realm.tenant_id)
    return realm


def _is_of(way_in: Certificate | Access, kind: EntityKind, id: str) -> bool:
    owner = way_in.auth if isinstance(way_in, Access) else way_in
    return (owner.owner_kind, owner.owner_id) == (kind, id)
