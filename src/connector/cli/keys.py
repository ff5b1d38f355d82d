"""The commands for API keys: with one, somebody calls the Director."""

from datetime import timedelta
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.cli.command import command
from connector.cli.command import lifetime as lifetime_option
from connector.cli.output import Row
from connector.domain.pairing import timestamp
from connector.domain.principals import MAX_KEY_LIFETIME, ApiKey, Role
from connector.usecases.keys import make_api_key, revoke_api_key
from connector.usecases.realms import Installation

key = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)


@command(key, "create", writes=True)
def create_key(
    _: Administration,
    installation: Installation,
    name: Annotated[str, typer.Argument(help="Its name; the audit names the key by it.")],
    role: Annotated[Role, typer.Option(help="What it may do: read, register and revoke too, or everything.")],
    tenant: Annotated[
        str | None, typer.Option(metavar="ID", help="The external id of the one tenant that it may enter; else every.")
    ] = None,
    lifetime: Annotated[
        int | None,
        lifetime_option("How long it is valid; until it is revoked if not given.", most=MAX_KEY_LIFETIME),
    ] = None,
) -> Row:
    """Create a key for the Authorization: Bearer header. It is shown this once."""
    text, made = make_api_key(
        installation,
        name,
        role=role,
        tenant=tenant,
        lifetime=None if lifetime is None else timedelta(seconds=lifetime),
    )
    return {**_key(made), "key": text}


@command(key, "list", nothing="There are no keys. Create one: connector key create NAME --role operator")
def list_keys(_: Administration, installation: Installation) -> list[Row]:
    """List the keys, newest first, by their ids; their texts are not kept."""
    return [_key(each) for each in installation.keys.list()]


@command(key, "revoke", writes=True, asks="Revoke the key {key_id}?")
def revoke_key(
    _: Administration,
    installation: Installation,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
) -> Row:
    """Revoke the key of this id, from its next use on."""
    return _key(revoke_api_key(installation, key_id))


def _key(key: ApiKey) -> Row:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "tenant": key.tenant,
        "createdBy": key.created_by,
        "createdAt": timestamp(key.created_at),
        "expiresAt": None if key.expires_at is None else timestamp(key.expires_at),
        "revokedAt": None if key.revoked_at is None else timestamp(key.revoked_at),
    }
