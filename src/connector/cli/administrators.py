"""The commands for administrators: with a name and a password, somebody signs in to the console."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration, make_password
from connector.cli.command import command
from connector.cli.output import Row
from connector.domain.administrators import Administrator, check_password
from connector.domain.pairing import timestamp
from connector.domain.principals import Role
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.usecases import administrators as accounts
from connector.usecases.realms import Installation

admin = typer.Typer(
    help="Administrators of the console: create, list, change, disable, enable, remove, password.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The name that they sign in with.")]


@command(admin, "create", writes=True)
def create(
    administration: Administration,
    installation: Installation,
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do: read, register and revoke too, or everything.")],
    tenant: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The external id of the one tenant that they may enter; else every."),
    ] = None,
) -> Row:
    """Create an administrator, and print the link by which they set their password. It is shown this once."""
    made = accounts.create(installation, name, role=role, tenant=tenant)
    return {**_row(made), "link": administration.console_link(accounts.hand_link(installation, made).text, made.name)}


@command(admin, "list", nothing="There are no administrators. Create one: connector admin create NAME --role operator")
def list_administrators(_: Administration, installation: Installation) -> list[Row]:
    """List the administrators by name."""
    return [_row(each) for each in installation.administrators.list()]


@command(admin, "disable", writes=True)
def disable(
    _: Administration,
    installation: Installation,
    name: Name,
    last_too: Annotated[
        bool, typer.Option("--force", help="Disable the last one too who can do everything in every tenant.")
    ] = False,
) -> Row:
    """Disable an administrator. Their sessions end at once. The last one who can do everything is kept."""
    return _row(accounts.set_disabled(installation, _named(installation, name), disabled=True, last_too=last_too))


@command(admin, "enable", writes=True)
def enable(_: Administration, installation: Installation, name: Name) -> Row:
    """Enable an administrator again."""
    return _row(accounts.set_disabled(installation, _named(installation, name), disabled=False))


@dataclass(frozen=True, slots=True)
class Rights:
    """What an administrator may do from now on, and where."""

    role: Annotated[Role | None, typer.Option(help="The new role; as it was, if not given.")] = None
    tenant: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="The external id of the one tenant that they may enter; as it was, if not given."
        ),
    ] = None
    everywhere: Annotated[bool, typer.Option("--everywhere", help="They may enter every tenant.")] = False


@command(admin, "change", writes=True)
def change(
    _: Administration,
    installation: Installation,
    name: Name,
    rights: Rights,
    last_too: Annotated[
        bool, typer.Option("--force", help="Change the last one too who can do everything in every tenant.")
    ] = False,
) -> Row:
    """Change an administrator's role, or the tenant that they may enter. It holds from their next request on."""
    if rights.tenant is not None and rights.everywhere:
        raise InvalidData("Invalid data tenant: use --tenant or --everywhere. Both is not clear.")
    found = _named(installation, name)
    tenant = None if rights.everywhere else rights.tenant or found.tenant
    role = rights.role or found.role
    return _row(accounts.change_rights(installation, found, role=role, tenant=tenant, last_too=last_too))


@command(admin, "remove", writes=True, asks="Remove the administrator {name}, and end their sessions?")
def remove(
    _: Administration,
    installation: Installation,
    name: Name,
    last_too: Annotated[
        bool, typer.Option("--force", help="Remove the last one too who can do everything in every tenant.")
    ] = False,
) -> Row:
    """Remove an administrator. The audit keeps the name. The last one who can do everything is kept."""
    found = _named(installation, name)
    accounts.remove(installation, found, last_too=last_too)
    return _row(found)


@command(admin, "password", writes=True)
def password(
    administration: Administration,
    installation: Installation,
    name: Name,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Take the password from standard input, instead of printing a link.")
    ] = False,
) -> Row:
    """Print a link by which an administrator sets a new password, or set the one on standard input."""
    found = _named(installation, name)
    link = accounts.hand_link(installation, found)
    if not stdin:
        return {**_row(found), "link": administration.console_link(link.text, found.name)}
    kept = asyncio.run(make_password(check_password(sys.stdin.readline().rstrip("\r\n"))))
    return _row(accounts.redeem_link(installation, link.text, kept))


def _named(installation: Installation, name: str) -> Administrator:
    found = installation.administrators.find(name)
    if found is None:
        raise ObjectNotFound("Object not found: there is no such administrator. List them: connector admin list")
    return found


def _row(administrator: Administrator) -> Row:
    return {
        "name": administrator.name,
        "role": administrator.role.value,
        "tenant": administrator.tenant,
        "createdBy": administrator.created_by,
        "createdAt": timestamp(administrator.created_at),
        "hasPassword": administrator.password is not None,
        "signedInAt": None if administrator.signed_in_at is None else timestamp(administrator.signed_in_at),
        "disabledAt": None if administrator.disabled_at is None else timestamp(administrator.disabled_at),
    }
