"""The resolvers of the Director API (director.graphql)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ariadne import InterfaceType, MutationType, ObjectType, QueryType, ScalarType, make_executable_schema
from graphql import GraphQLSchema

from connector import pairing, principals, registration
from connector.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.enrollment import Enrollment
from connector.errors import CredentialMissing, InsufficientScopes, ObjectNotFound, TenantForbidden
from connector.inventory import Certificate
from connector.pairing import Links, timestamp
from connector.ports import CertificateFilter, TokenFilter, Transaction
from connector.principals import Administrator, Holder, KeyBearer
from connector.tokens import Minted, OneTimeToken
from connector.web.graphql.endpoint import Info
from connector.web.graphql.sdl import sdl

T = TypeVar("T")
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DirectorAPI:
    """What the resolvers need."""

    enrollment: Enrollment
    links: Links

    def schema(self) -> GraphQLSchema:
        """The executable schema."""
        query, mutation = QueryType(), MutationType()
        query.set_field("viewer", self._viewer)
        entities = []
        for kind in EntityKind:
            fields = _EntityFields(self, kind)
            query.set_field(kind.value.lower(), fields.one)
            mutation.set_field(f"register{kind.value}", fields.register)
            mutation.set_field(f"unregister{kind.value}", fields.unregister)
            mutation.set_field(f"requestOneTimeTokenFor{kind.value}", fields.request_token)
            mutation.set_field(f"deleteSystemAuthFor{kind.value}", fields.delete_system_auth)
            entities.append(ObjectType(kind.value))
            entities[-1].set_field("auths", fields.auths)
        token = InterfaceType("OneTimeToken", lambda fields, *_: f"OneTimeTokenFor{fields['type']}")
        return make_executable_schema(
            sdl("director"), query, mutation, *entities, token, ScalarType("Timestamp", serializer=timestamp)
        )

    async def administrator(self, info: Info) -> Administrator:
        """The administrator who calls.

        Raises:
            CredentialMissing, KeyUnknown, InsufficientScopes: it is nobody, nobody known, or no administrator.
        """
        match info.context.principal:
            case KeyBearer(text):
                presented = principals.digest(text)
                key = await self.enrollment.store.read(lambda tx: tx.keys.find(presented))
                return principals.check(key, presented)
            case Holder(fingerprint):
                await self.holder(info, Holder(fingerprint))
                raise InsufficientScopes
        raise CredentialMissing

    async def holder(self, info: Info, holder: Holder) -> Certificate:
        """The certificate with which its holder calls, who may name its own tenant and no other.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired, TenantForbidden: the holder may not.
        """
        certificate = await self.enrollment.identify(holder.fingerprint)
        named = info.context.tenant
        if named is not None:
            tenant = await self.enrollment.store.read(lambda tx: tx.directory.tenant(named))
            if tenant is None or tenant.id != certificate.tenant_id:
                raise TenantForbidden
        return certificate

    async def read(self, info: Info, function: Callable[[Transaction, Tenant], T]) -> T:
        """Run the function for the tenant that the administrator named; it only reads."""
        await self.administrator(info)
        return await self.enrollment.store.read(
            lambda tx: function(tx, registration.tenant_named(tx, info.context.tenant))
        )

    async def write(self, info: Info, function: Callable[[Transaction, Tenant, str], T]) -> T:
        """Run the function in one transaction for the tenant that the administrator named, and say who it is."""
        actor = f"admin:{(await self.administrator(info)).name}"
        return await self.enrollment.store.transaction(
            lambda tx: function(tx, registration.tenant_named(tx, info.context.tenant), actor)
        )

    async def _viewer(self, _: None, info: Info) -> Fields:
        if isinstance(info.context.principal, Holder):
            certificate = await self.holder(info, info.context.principal)
            return {"id": certificate.owner_id, "type": certificate.owner_kind.upper()}
        return {"id": (await self.administrator(info)).name, "type": "USER"}


@dataclass(frozen=True, slots=True)
class _EntityFields:
    """The fields that applications and runtimes have alike."""

    api: DirectorAPI
    kind: EntityKind

    async def one(self, _: None, info: Info, id: str) -> Fields | None:
        try:
            entity = await self.api.read(info, lambda tx, tenant: registration.registered(tx, tenant, self.kind, id))
        except ObjectNotFound:
            return None
        return _entity(entity)

    async def auths(self, entity: Fields, _: Info) -> list[Fields]:
        if "auths" in entity:  # a mutation told already: after its commit nothing may fail any more
            told: list[Fields] = entity["auths"]
            return told

        def find(tx: Transaction) -> list[Fields]:
            return [self._auth(tx, auth) for auth in tx.directory.system_auths(entity["id"])]

        return await self.api.enrollment.store.read(find)

    async def register(self, _: None, info: Info, **arguments: Fields) -> Fields:
        given = arguments["in"]
        enrollment = self.api.enrollment
        entity = await self.api.write(
            info,
            lambda tx, tenant, actor: registration.register(
                tx,
                tenant,
                self.kind,
                given["name"],
                given.get("description"),
                actor=actor,
                make_id=enrollment.make_id,
                now=enrollment.clock(),
            ),
        )
        return {**_entity(entity), "auths": []}

    async def unregister(self, _: None, info: Info, id: str) -> Fields:
        now = self.api.enrollment.clock()

        def remove(tx: Transaction, tenant: Tenant, actor: str) -> Fields:
            auths = [self._auth(tx, auth) for auth in tx.directory.system_auths(id)]
            entity = registration.unregister(tx, tenant, self.kind, id, actor=actor, now=now)
            return {**_entity(entity), "auths": auths}

        return await self.api.write(info, remove)

    async def request_token(
        self,
        _: None,
        info: Info,
        id: str,
        systemAuthID: str | None = None,  # noqa: N803 - the SDL's
    ) -> Fields:
        enrollment = self.api.enrollment
        minted = await self.api.write(
            info,
            lambda tx, tenant, actor: registration.hand_over(
                tx,
                tenant,
                self.kind,
                id,
                system_auth_id=systemAuthID,
                policy=enrollment.policy.tokens,
                actor=actor,
                random=enrollment.random,
                make_id=enrollment.make_id,
                now=enrollment.clock(),
            ),
        )
        return self._shown(minted)

    async def delete_system_auth(
        self,
        _: None,
        info: Info,
        authID: str,  # noqa: N803 - the SDL's
    ) -> Fields:
        now = self.api.enrollment.clock()

        def delete(tx: Transaction, tenant: Tenant, actor: str) -> Fields:
            auth = registration.delete_system_auth(tx, tenant, self.kind, authID, actor=actor, now=now)
            return self._auth(tx, auth)

        return await self.api.write(info, delete)

    def _auth(self, tx: Transaction, auth: SystemAuth) -> Fields:
        handed_over = (
            token for token in tx.tokens.list(TokenFilter(system_auth_id=auth.id)) if token.certificate is None
        )
        last = next(iter(handed_over), None)
        return {
            "id": auth.id,
            "auth": {
                "oneTimeToken": self._kept(last) if last is not None else None,
                # As in the original, known once there is a certificate that has it.
                "certCommonName": auth.id if tx.inventory.list(CertificateFilter(system_auth_id=auth.id)) else None,
            },
            "type": auth.owner_kind.upper(),
            "tenantId": auth.tenant_id,
            "referenceObjectId": auth.owner_id,
        }

    def _kept(self, token: OneTimeToken) -> Fields:
        """What can be told of a token later: its public id, never its secret."""
        return {
            "token": token.id,
            "connectorURL": self.api.links.connector,
            "legacyConnectorURL": self.api.links.legacy_connector,
            "used": token.spent_at is not None,
            "expiresAt": token.expires_at,
            "createdAt": token.minted_at,
            "usedAt": token.spent_at or pairing.ZERO_TIME,
            "raw": None,
            "rawEncoded": None,
            "type": token.type.value,
            "scenarioGroups": None,
        }

    def _shown(self, minted: Minted) -> Fields:
        """What is told once, to whoever minted the token."""
        raw = pairing.raw(minted.secret, minted.token, self.api.links)
        return {
            **self._kept(minted.token),
            "token": minted.secret.text,
            "legacyConnectorURL": pairing.legacy_url(minted.secret, self.api.links),
            "raw": raw,
            "rawEncoded": pairing.encode(raw),
        }


def _entity(entity: Entity) -> Fields:
    return {"id": entity.id, "name": entity.name, "description": entity.description}
