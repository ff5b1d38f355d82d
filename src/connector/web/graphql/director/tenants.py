"""Tenants, and the keys that open them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ariadne import MutationType, QueryType

from connector.domain.directory import EntityKind, Tenant
from connector.domain.principals import ApiKey, Caller, Role
from connector.usecases.keys import make_api_key, revoke_api_key
from connector.usecases.realms import Installation
from connector.usecases.tenants import choose_profile, create_tenant, rename_tenant
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page
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
        query.set_field("labelDefinitions", self.label_definitions)
        query.set_field("apiKeys", self.keys)
        mutation.set_field("createTenant", self.create)
        mutation.set_field("setTenantCertificateProfile", self.set_profile)
        mutation.set_field("renameTenant", self.rename)
        mutation.set_field("createAPIKey", self.create_key)
        mutation.set_field("revokeAPIKey", self.revoke_key)

    async def viewer(self, _: None, info: Info) -> Fields:
        if await self.director.acts_for_itself(info):
            owner = await self.director.viewer(info)
            return {"id": owner.owner_id, "type": owner.owner_kind.name}
        named = info.context.tenant

        def read(installation: Installation) -> Fields:
            caller = installation.caller
            if caller.home is None:
                return {"id": caller.name, "type": "USER"}
            installation.enter(named or caller.home)  # refuses a tenant where the integration system may not act
            return {"id": caller.name, "type": EntityKind.INTEGRATION_SYSTEM.name}

        return await (await self.director.installation(info)).read(read)

    async def tenants(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)

        term = arguments.get("searchTerm") or ""

        def read(installation: Installation) -> Fields:
            tenants = installation.tenants
            return page(
                Listing(
                    Cursors(f"tenants {_within(installation.caller)} {term}", (str,)),
                    read=lambda after, most: tenants.list(
                        containing=term, after=after[0] if after else None, most=most
                    ),
                    place=lambda tenant: (tenant.external_id,),
                    tell=lambda found: [_tenant(tenant) for tenant in found],
                    count=lambda: tenants.count(containing=term),
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.installation(info)).read(read)

    async def by_external_id(self, _: None, info: Info, id: str) -> Fields | None:
        office = await self.director.installation(info)
        found = await office.read(lambda installation: installation.tenants.find(id))
        return None if found is None else _tenant(found)

    async def by_internal_id(self, _: None, info: Info, id: str) -> Fields | None:
        office = await self.director.installation(info)
        found = await office.read(lambda installation: installation.tenants.of_id(id))
        return None if found is None else _tenant(found)

    async def label_definitions(self, _: None, info: Info) -> list[Fields]:
        return await (await self.director.office(info)).read(lambda _: [])

    async def keys(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)

        def read(installation: Installation) -> Fields:
            keys = installation.keys
            return page(
                Listing(
                    Cursors(f"apiKeys {_within(installation.caller)}", (datetime, str)),
                    read=lambda after, most: keys.list(after=after, most=most),
                    place=lambda key: (key.created_at, key.id),
                    tell=lambda found: [_key(key) for key in found],
                    count=keys.count,
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.installation(info)).read(read)

    async def create(self, _: None, info: Info, **arguments: Fields) -> Fields:
        given = arguments["in"]
        external_id = given["externalID"]
        office = await self.director.installation(info)
        return _tenant(await office.run(create_tenant, external_id, given.get("name") or external_id))

    async def set_profile(self, _: None, info: Info, **named: str | None) -> Fields:
        chosen = self.director.known_profile(named.get("certificateProfile"))
        return _tenant(await (await self.director.office(info)).run(choose_profile, chosen))

    async def rename(self, _: None, info: Info, name: str) -> Fields:
        return _tenant(await (await self.director.office(info)).run(rename_tenant, name))

    async def create_key(self, _: None, info: Info, **arguments: Fields) -> Fields:
        given = arguments["in"]
        seconds = given.get("lifetimeSeconds")
        office = await self.director.installation(info)
        text, key = await office.run(
            make_api_key,
            given["name"],
            role=Role(given["role"]),
            tenant=given.get("tenant"),
            lifetime=timedelta(seconds=seconds) if seconds is not None else None,
        )
        return {"apiKey": _key(key), "secret": text}

    async def revoke_key(self, _: None, info: Info, id: str) -> Fields:
        office = await self.director.installation(info)
        return _key(await office.run(revoke_api_key, id))


def _within(caller: Caller) -> str:
    """Which list it is: callers who may enter other tenants have another, and their cursors are none of this one."""
    return "all" if caller.tenants is None else str(sorted(caller.tenants))


def _tenant(tenant: Tenant) -> Fields:
    return {
        "id": tenant.external_id,
        "internalID": tenant.id,
        "name": tenant.name,
        "createdAt": tenant.created_at,
        "certificateProfile": tenant.profile,
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
