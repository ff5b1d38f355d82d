"""The commands for administrators: with a name and a password, somebody signs in to the console."""

import asyncio
import sys
from typing import Annotated

import typer

from connector.bootstrap import Administration, make_password
from connector.cli.command import command
from connector.cli.output import Row
from connector.domain.administrators import Administrator, check_password
from connector.domain.pairing import timestamp
from connector.domain.principals import Role
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.transaction import Transaction
from connector.usecases import accounts
from connector.usecases.access import OPERATOR

admin = typer.Typer(
    help="Administrators of the console: create, list, disable, enable, password.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The name that they sign in with.")]


@command(admin, "create", writes=True)
def create(
    administration: Administration,
    tx: Transaction,
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do: read, register and revoke too, or everything.")],
    tenant: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The external id of the one tenant that they may enter; else every."),
    ] = None,
) -> Row:
    """Create an administrator, and print the link by which they set their password. It is shown this once."""
    made = accounts.create(
        tx, OPERATOR, name, role=role, tenant=tenant, make_id=administration.make_id, now=administration.clock()
    )
    return {**_row(made), "link": _link(administration, tx, made)}


@command(admin, "list", nothing="There are no administrators. Create one: connector admin create NAME --role operator")
def list_administrators(_: Administration, tx: Transaction) -> list[Row]:
    """List the administrators by name."""
    return [_row(each) for each in tx.administrators.list()]


@command(admin, "disable", writes=True)
def disable(administration: Administration, tx: Transaction, name: Name) -> Row:
    """Disable an administrator. Their sessions end at once."""
    found = _named(tx, name)
    return _row(accounts.set_disabled(tx, OPERATOR, found, disabled=True, now=administration.clock()))


@command(admin, "enable", writes=True)
def enable(administration: Administration, tx: Transaction, name: Name) -> Row:
    """Enable an administrator again."""
    found = _named(tx, name)
    return _row(accounts.set_disabled(tx, OPERATOR, found, disabled=False, now=administration.clock()))


@command(admin, "password", writes=True)
def password(
    administration: Administration,
    tx: Transaction,
    name: Name,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Take the password from standard input, instead of printing a link.")
    ] = False,
) -> Row:
    """Print a link by which an administrator sets a new password, or set the one on standard input."""
    found = _named(tx, name)
    link = accounts.hand_link(tx, OPERATOR, found, random=administration.random, now=administration.clock())
    if not stdin:
        return {**_row(found), "link": administration.console_link(link.text)}
    kept = asyncio.run(make_password(check_password(sys.stdin.readline().rstrip("\r\n"))))
    return _row(accounts.redeem_link(tx, link.text, kept, now=administration.clock()))


def _named(tx: Transaction, name: str) -> Administrator:
    found = tx.administrators.find(name)
    if found is None:
        raise ObjectNotFound("Object not found: there is no such administrator. List them: connector admin list")
    return found


def _link(administration: Administration, tx: Transaction, made: Administrator) -> str:
    secret = accounts.hand_link(tx, OPERATOR, made, random=administration.random, now=administration.clock())
    return administration.console_link(secret.text)


def _row(administrator: Administrator) -> Row:
    return {
        "name": administrator.name,
        "role": administrator.role.value,
        "tenant": administrator.tenant,
        "createdBy": administrator.created_by,
        "createdAt": timestamp(administrator.created_at),
        "hasPassword": administrator.password is not None,
        "disabledAt": None if administrator.disabled_at is None else timestamp(administrator.disabled_at),
    }
