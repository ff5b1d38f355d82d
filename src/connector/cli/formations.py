"""The commands for formations: which runtimes see which applications."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.bootstrap.start import DEFAULT_TENANT
from connector.cli.administration import ApplicationOrRuntime, TenantID
from connector.cli.command import command
from connector.cli.output import Row
from connector.domain.directory import EntityKind
from connector.domain.formations import Formation
from connector.domain.pairing import timestamp
from connector.usecases import formations
from connector.usecases.realms import Installation, Realm

Name = Annotated[str, typer.Argument(metavar="NAME", help="The formation's name, unique in the tenant.")]

formation = typer.Typer(
    help="Formations: create, list, show, delete; assign applications and runtimes.", no_args_is_help=True
)


@command(formation, "create", writes=True)
def create_formation(
    _: Administration, installation: Installation, name: Name, tenant_id: TenantID = DEFAULT_TENANT
) -> Row:
    """Create a formation."""
    return _formation(formations.create(installation.enter(tenant_id), name))


@command(formation, "list", nothing="There are no formations. Create one: connector formation create NAME")
def list_formations(_: Administration, installation: Installation, tenant_id: TenantID = DEFAULT_TENANT) -> list[Row]:
    """List the tenant's formations by name."""
    return [_formation(each) for each in installation.enter(tenant_id).formations.list()]


@command(formation, "show", nothing="Nothing is assigned to it. Assign: connector formation assign NAME NAME_OR_ID")
def show_formation(
    _: Administration, installation: Installation, name: Name, tenant_id: TenantID = DEFAULT_TENANT
) -> list[Row]:
    """List what is assigned to a formation, the oldest assignment first."""
    realm = installation.enter(tenant_id)
    found = realm.formations.members(formations.named(realm, name).id)
    names = realm.directory.names({each.object_id for each in found})
    return [
        {
            "id": each.object_id,
            "kind": each.kind.value,
            "name": names.get(each.object_id),
            "assignedAt": timestamp(each.assigned_at),
        }
        for each in found
    ]


@command(formation, "delete", writes=True)
def delete_formation(
    _: Administration, installation: Installation, name: Name, tenant_id: TenantID = DEFAULT_TENANT
) -> Row:
    """Delete a formation; refused while something is assigned to it."""
    return _formation(formations.delete(installation.enter(tenant_id), name))


def _change(
    change: Callable[[Realm, str, EntityKind, str], Formation],
    _: Administration,
    installation: Installation,
    name: Name,
    meant: ApplicationOrRuntime,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    realm = installation.enter(tenant_id)
    return _formation(change(realm, name, meant.kind, meant.found(realm).id))


command(formation, "assign", writes=True, help="Assign an application or a runtime to a formation.")(
    partial(_change, formations.assign)
)
command(formation, "unassign", writes=True, help="Undo an assignment; one that does not exist stays so.")(
    partial(_change, formations.unassign)
)


def _formation(found: Formation) -> Row:
    return {"id": found.id, "name": found.name, "createdAt": timestamp(found.created_at)}
