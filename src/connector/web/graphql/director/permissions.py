"""Permissions of integration systems to act in tenants besides their own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ariadne import MutationType, QueryType

from connector.domain.permissions import Permitted
from connector.ports.permissions import PermissionFilter
from connector.usecases.permissions import permit, withdraw_permission
from connector.usecases.realms import Installation
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page
from connector.web.graphql.wanted import wanted


@dataclass(frozen=True, slots=True)
class PermissionFields:
    """The fields about permissions."""

    director: Director

    def bind(self, query: QueryType, mutation: MutationType) -> None:
        """Set the resolvers."""
        query.set_field("tenantPermissions", self.many)
        mutation.set_field("permitIntegrationSystem", self.permit)
        mutation.set_field("withdrawTenantPermission", self.withdraw)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)
        system, tenant = arguments.get("integrationSystemID"), arguments.get("tenant")

        def read(installation: Installation) -> Fields:
            permissions, caller = installation.permissions, installation.caller
            realm = None if tenant is None else installation.enter(tenant)
            which = PermissionFilter(system_id=system, tenant_id=None if realm is None else realm.tenant_id)
            within = "all" if caller.tenants is None else str(sorted(caller.tenants))
            return page(
                Listing(
                    Cursors(f"tenantPermissions {within} {system} {tenant}", (datetime, str)),
                    read=lambda after, most: permissions.list(which, after=after, most=most),
                    place=lambda each: (each.permission.created_at, each.permission.id),
                    tell=lambda found: [_fields(each) for each in found],
                    count=lambda: permissions.count(which),
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.installation(info)).read(read)

    async def permit(self, _: None, info: Info, id: str, **named: Any) -> Fields:
        office, is_every = await self.director.installation(info), bool(named.get("everyTenant"))
        return _fields(await office.run(permit, id, tenant=named.get("tenant"), every_tenant=is_every))

    async def withdraw(self, _: None, info: Info, id: str) -> Fields:
        office = await self.director.installation(info)
        return _fields(await office.run(withdraw_permission, id))


def _fields(permitted: Permitted) -> Fields:
    return {**permitted.facts, "createdAt": permitted.permission.created_at}
