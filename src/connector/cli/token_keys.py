"""The commands for the keys of identity tokens."""

from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.cli.command import command
from connector.cli.output import Row
from connector.domain.identity_tokens import TokenKey
from connector.domain.pairing import timestamp
from connector.usecases.realms import Installation
from connector.usecases.token_keys import remove_token_key

identity_key = typer.Typer(help="Keys of identity tokens: list, remove.", no_args_is_help=True)


@command(
    identity_key,
    "list",
    nothing="There are no keys. A server makes them if identity_tokens.audiences names somebody.",
)
def list_identity_keys(_: Administration, installation: Installation) -> list[Row]:
    """List the keys of all replicas, the oldest first."""
    return [_key(each) for each in installation.token_keys.list()]


@command(identity_key, "remove", writes=True, asks="Remove the key {key_id}? Its tokens become worthless.")
def remove_identity_key(
    _: Administration,
    installation: Installation,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
) -> Row:
    """Take a key out of use for good, for instance because somebody has read it. Servers make another one."""
    return _key(remove_token_key(installation, key_id))


def _key(key: TokenKey) -> Row:
    return {
        "id": key.id,
        "publishedAt": timestamp(key.published_at),
        "endsAt": timestamp(key.ends_at),
        "removedAt": None if key.removed_at is None else timestamp(key.removed_at),
    }
