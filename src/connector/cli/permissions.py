"""The commands for permissions: in which tenants, besides its own, an integration system may act."""

from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.bootstrap.start import DEFAULT_TENANT
from connector.cli.administration import NameOrID, TenantID, entities
from connector.cli.command import command
from connector.cli.output import Row
from connector.domain.directory import EntityKind
from connector.domain.pairing import timestamp
from connector.domain.permissions import Permitted
from connector.ports.permissions import PermissionFilter
from connector.usecases.permissions import permit, withdraw_permission
from connector.usecases.realms import Installation
from connector.usecases.registration import named_or_identified

integration_system = entities(EntityKind.INTEGRATION_SYSTEM)


@command(integration_system, "permit", writes=True)
def permit_integration_system(
    _: Administration,
    installation: Installation,
    entity: NameOrID,
    place: Annotated[
        str | None, typer.Option("--in", metavar="TENANT", help="The external id of the tenant where it may act.")
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="It may act in every tenant, also new ones.")
    ] = False,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    """Let the integration system act in a tenant besides its own. The credentials that it has count there too."""
    found = named_or_identified(installation.enter(tenant_id), EntityKind.INTEGRATION_SYSTEM, entity)
    return _permission(permit(installation, found.id, tenant=place, every_tenant=everywhere))


@command(integration_system, "permissions", nothing="No integration system may act in a tenant besides its own.")
def list_permissions(
    _: Administration,
    installation: Installation,
    place: Annotated[
        str | None, typer.Option("--in", metavar="TENANT", help="Those by which somebody may act in this tenant.")
    ] = None,
) -> list[Row]:
    """List where integration systems may act besides their own tenant."""
    realm = None if place is None else installation.enter(place)
    which = PermissionFilter(tenant_id=None if realm is None else realm.tenant_id)
    return [_permission(each) for each in installation.permissions.list(which)]


@command(integration_system, "forbid", writes=True)
def forbid_integration_system(
    _: Administration,
    installation: Installation,
    permission_id: Annotated[str, typer.Argument(metavar="ID", help="The permission's id; permissions lists them.")],
) -> Row:
    """Withdraw a permission: the integration system is shut out with its next request."""
    return _permission(withdraw_permission(installation, permission_id))


def _permission(permitted: Permitted) -> Row:
    return {**permitted.facts, "createdAt": timestamp(permitted.permission.created_at)}
