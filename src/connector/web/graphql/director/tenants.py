"""Tenants, and the keys that open them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ariadne import MutationType, QueryType

from connector.domain.directory import Tenant
from connector.domain.principals import ApiKey, Caller, Holder, Role
from connector.ports.transaction import Transaction
from connector.usecases import access
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, page
from connector.web.graphql.wanted import wanted


@dataclass(frozen=True, slots=True)
class TenantFields:
    """The fields about tenants, API keys and whoever calls."""

    director: Director

    def bind(self, query: QueryType, mutation: MutationType) -> None:
        """Set the resolvers."""
        query.set_field("viewer", self.viewer)
        query.set_field("tenants", self.tenants)
        query.set_field("tenantByExternalID", self.by_external_id)
        query.set_field("tenantByInternalID", self.by_internal_id)
        query.set_field("apiKeys", self.keys)
        mutation.set_field("createTenant", self.create)
        mutation.set_field("createAPIKey", self.create_key)
        mutation.set_field("revokeAPIKey", self.revoke_key)

    async def viewer(self, _: None, info: Info) -> Fields:
        if isinstance(info.context.principal, Holder):
            certificate = await self.director.holder(info)
            named = info.context.tenant
            await self.director.enrollment.store.read(lambda tx: access.enter_as_holder(tx, certificate, named))
            return {"id": certificate.owner_id, "type": certificate.owner_kind.name}
        name = await self.director.ask(info, lambda _, caller: caller.name)
        return {"id": name, "type": "USER"}

    async def tenants(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)

        term = arguments.get("searchTerm") or ""

        def read(tx: Transaction, caller: Caller) -> Fields:
            within = caller.tenants
            return page(
                Cursors(f"tenants {_within(caller)} {term}", (str,)),
                arguments,
                read=lambda after, most: tx.tenants.list(
                    within=within, containing=term, after=after[0] if after else None, most=most
                ),
                place=lambda tenant: (tenant.external_id,),
                tell=lambda found: [_tenant(tenant) for tenant in found],
                count=lambda: tx.tenants.count(within=within, containing=term),
                wanted=names,
            )

        return await self.director.ask(info, read)

    async def by_external_id(self, _: None, info: Info, id: str) -> Fields | None:
        return await self.director.ask(info, lambda tx, caller: _visible(tx.tenants.find(id), caller))

    async def by_internal_id(self, _: None, info: Info, id: str) -> Fields | None:
        return await self.director.ask(info, lambda tx, caller: _visible(tx.tenants.of_id(id), caller))

    async def keys(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)

        def read(tx: Transaction, caller: Caller) -> Fields:
            return page(
                Cursors(f"apiKeys {_within(caller)}", (datetime, str)),
                arguments,
                read=lambda after, most: tx.keys.list(within=caller.tenants, after=after, most=most),
                place=lambda key: (key.created_at, key.id),
                tell=lambda found: [_key(key) for key in found],
                count=lambda: tx.keys.count(within=caller.tenants),
                wanted=names,
            )

        return await self.director.ask(info, read)

    async def create(self, _: None, info: Info, **arguments: Fields) -> Fields:
        enrollment, given = self.director.enrollment, arguments["in"]
        external_id = given["externalID"]
        name = given.get("name") or external_id
        tenant = await self.director.change(
            info,
            lambda tx, caller: access.create_tenant(
                tx, caller, external_id, name, make_id=enrollment.make_id, now=enrollment.clock()
            ),
        )
        return _tenant(tenant)

    async def create_key(self, _: None, info: Info, **arguments: Fields) -> Fields:
        enrollment, given = self.director.enrollment, arguments["in"]
        seconds = given.get("lifetimeSeconds")
        text, key = await self.director.change(
            info,
            lambda tx, caller: access.make_api_key(
                tx,
                caller,
                given["name"],
                role=Role(given["role"]),
                tenant=given.get("tenant"),
                lifetime=timedelta(seconds=seconds) if seconds is not None else None,
                random=enrollment.random,
                make_id=enrollment.make_id,
                now=enrollment.clock(),
            ),
        )
        return {"apiKey": _key(key), "secret": text}

    async def revoke_key(self, _: None, info: Info, id: str) -> Fields:
        now = self.director.enrollment.clock()
        return _key(await self.director.change(info, lambda tx, caller: access.revoke_api_key(tx, caller, id, now=now)))


def _within(caller: Caller) -> str:
    """Which list it is: callers who may enter other tenants have another, and their cursors are none of this one."""
    return "all" if caller.tenants is None else str(sorted(caller.tenants))


def _visible(tenant: Tenant | None, caller: Caller) -> Fields | None:
    if tenant is None or (caller.tenants is not None and tenant.external_id not in caller.tenants):
        return None
    return _tenant(tenant)


def _tenant(tenant: Tenant) -> Fields:
    return {
        "id": tenant.external_id,
        "internalID": tenant.id,
        "name": tenant.name,
        "createdAt": tenant.created_at,
    }


def _key(key: ApiKey) -> Fields:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "tenant": key.tenant,
        "createdBy": key.created_by,
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "revokedAt": key.revoked_at,
    }
