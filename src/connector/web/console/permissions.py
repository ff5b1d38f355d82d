"""Where integration systems may act besides their own tenant."""

from datetime import datetime

from starlette.responses import Response

from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.refusals.tenants import TenantNotFound
from connector.ports.permissions import PermissionFilter
from connector.usecases.permissions import permit, withdraw_permission
from connector.usecases.realms import Installation
from connector.web.console.forms import given
from connector.web.console.lists import Listed, rows
from connector.web.console.visits import Visit

PATH = "/console/integration-systems"


async def list_permissions(visit: Visit) -> Response:
    """The permissions for the tenants that the caller may enter, and those for every tenant."""
    return await _listed(visit)


async def give(visit: Visit) -> Response:
    """Give one."""
    form = visit.form
    try:
        await visit.installation.run(
            permit,
            given(form, "system"),
            tenant=given(form, "tenant") or None,
            every_tenant=given(form, "every") == "yes",
        )
    except (InvalidData, ObjectNotFound, TenantNotFound) as error:
        return await _listed(visit, error=error)
    return visit.done(PATH, "permitted")


async def withdraw(visit: Visit) -> Response:
    """Withdraw one."""
    await visit.installation.run(withdraw_permission, str(visit.request.path_params["id"]))
    return visit.done(PATH, "forbidden")


async def _listed(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(installation: Installation) -> object:
        permissions = installation.permissions
        return rows(
            visit.query,
            Listed(PATH, ("permissions", installation.caller.actor), (datetime, str), kept=()),
            read=lambda after, most: permissions.list(PermissionFilter(), after=after, most=most),
            place=lambda each: (each.permission.created_at, each.permission.id),
        )

    return visit.show(
        "permissions.html",
        error=error,
        found=await visit.installation.read(read),
    )
