"""The commands, and how they end."""

import io
import os
import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from connector import __version__
from connector.bootstrap.administration import NotReady
from connector.cli import (
    administration,
    administrators,
    auditing,
    certificates,
    configuring,
    databases,
    formations,
    gateways,
    keys,
    moving,
    permissions,
    token_keys,
)
from connector.cli.command import AsJSON, Place, command
from connector.cli.exits import EXIT_FAILED, EXIT_SETTINGS, end
from connector.cli.grouping import grouped
from connector.cli.output import Output
from connector.domain.directory import EntityKind
from connector.domain.refusals import Refusal
from connector.exposure import Exposed, forbid_core_dumps
from connector.settings import SettingsError
from connector.settings import document as settings_page
from connector.settings.addresses import Listeners
from connector.system.keystore import KeystoreError
from connector.web.problems import document as errors_page
from connector.web.problems import problem

_OWNER_ALONE = 0o077

app = typer.Typer(
    help="Connector gives external systems an identity.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # holds for all commands below
)
app.add_typer(administration.tenant, name="tenant")
app.add_typer(administration.entities(EntityKind.APPLICATION), name="application")
app.add_typer(administration.entities(EntityKind.RUNTIME), name="runtime")
app.add_typer(permissions.integration_system, name="integration-system")
app.add_typer(formations.formation, name="formation")
app.add_typer(administration.token, name="token")
app.add_typer(certificates.certificate, name="certificate")
app.add_typer(keys.key, name="key")
app.add_typer(token_keys.identity_key, name="identity-key")
app.add_typer(administrators.admin, name="admin")
app.add_typer(certificates.ca, name="ca")
app.add_typer(configuring.config, name="config")
app.add_typer(databases.db, name="db")
app.add_typer(moving.imports, name="import")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def _listener(name: str) -> Any:
    default = Listeners.model_fields[name].default
    return typer.Option(
        metavar="HOST:PORT",
        help=f"Where to listen; {default or 'off'} unless the settings say otherwise. Port 0 picks a free one.",
    )


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen."""

    public: Annotated[str | None, _listener("public")] = None
    mtls: Annotated[str | None, _listener("mtls")] = None
    pki: Annotated[str | None, _listener("pki")] = None
    forwarded: Annotated[str | None, _listener("forwarded")] = None
    internal: Annotated[str | None, _listener("internal")] = None


@app.command("serve")
@grouped
def serve(
    place: Place,
    listening: Listening,
    workers: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="How many processes serve; 1 unless the settings say otherwise."),
    ] = None,
) -> None:
    """Run the server. The first start makes the CA, the database and the administrator's key."""
    flags: dict[str, object] = {f"listeners.{name}": address for name, address in asdict(listening).items()}
    from connector.cli import serving  # noqa: PLC0415 - no other command needs what serves

    serving.serve(data_dir=place.data_dir, config=place.config, flags={**flags, "serving.workers": workers})


@app.command("demo")
def run_demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running, and print what to try.")] = False,
) -> None:
    """Show the main job, step by step, against a server of its own."""
    from connector.cli import demo  # noqa: PLC0415 - no other command is a client

    raise typer.Exit(demo.run(keep=keep))


command(app, "audit", nothing="No such event. Other tenants: --tenant ID. Events outside of tenants: --installation.")(
    auditing.list_events
)
command(app, "gateway")(gateways.print_gateway)
command(app, "revoke", writes=True, asks=certificates.REVOKE)(certificates.revoke_certificate)


@app.command("doctor")
@grouped
def doctor(place: Place, as_json: AsJSON = False) -> None:
    """Say what is wrong with an installation and what to do: files, database, CA, disk, addresses, server.

    Nothing is changed. The exit status is 1 if something is not well.
    """
    from connector.bootstrap.doctor import examine  # noqa: PLC0415 - no other command needs what serves

    found = list(examine(data_dir=place.data_dir, config=place.config))
    rows = [{"what": fact.what, "found": fact.found, "advice": fact.advice} for fact in found]
    Output(as_json=as_json).show(rows, nothing="")
    if any(fact.advice for fact in found):
        end("Something is not well: see the advice.", EXIT_FAILED)


@app.command()
def settings() -> None:
    """Print the page that documents every setting (docs/settings.md)."""
    print(settings_page(), end="")


@app.command()
def errors() -> None:
    """Print the page that documents every error (docs/errors.md)."""
    print(errors_page(), end="")


@app.command()
def metrics() -> None:
    """Print the page that documents every metric (docs/metrics.md)."""
    from connector.bootstrap.metrics import document  # noqa: PLC0415 - no other command needs the web

    print(document(), end="")


def run() -> None:
    """Run the command; a refusal is one sentence on standard error and an exit status of its own."""
    os.umask(_OWNER_ALONE)
    forbid_core_dumps()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks is shown escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        end("An argument is not UTF-8.", EXIT_SETTINGS)
    try:
        app()
    except Refusal as refusal:
        end(f"{refusal} [{refusal.code}]", problem(refusal).exit)
    except (SettingsError, Exposed, KeystoreError, NotReady) as error:
        end(error, EXIT_SETTINGS)
