"""The ``connector`` command."""

import sys
from typing import Annotated

import typer
import uvloop

from connector import __version__, bootstrap, demo
from connector.cli import administration
from connector.cli.administration import AsJSON, Config, DataDir, Reason
from connector.directory import EntityKind
from connector.errors import Refusal
from connector.inventory import RevocationReason
from connector.keystore import KeystoreError
from connector.serving import ListenerError, ServerCertificateError
from connector.settings import SettingsError
from connector.settings import document as settings_page
from connector.web.problems import document as errors_page
from connector.web.problems import problem

EXIT_SETTINGS = 2

app = typer.Typer(
    help="Connector gives external systems an identity.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(administration.tenant, name="tenant")
app.add_typer(administration.entities(EntityKind.APPLICATION), name="application")
app.add_typer(administration.entities(EntityKind.RUNTIME), name="runtime")
app.add_typer(administration.token, name="token")
app.add_typer(administration.certificate, name="certificate")
app.add_typer(administration.ca, name="ca")

Address = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 picks a free one.")]


@app.command()
def serve(
    data_dir: DataDir = None,
    config: Config = None,
    public: Address = None,
    mtls: Address = None,
    pki: Address = None,
    internal: Address = None,
) -> None:
    """Run the server. The first start makes the CA, the database and the administrator's key."""
    given = {"public": public, "mtls": mtls, "pki": pki, "internal": internal}
    listeners = {name: address for name, address in given.items() if address is not None}
    uvloop.run(bootstrap.serve(data_dir=data_dir, config=config, listeners=listeners, say=_say))


@app.command("demo")
def run_demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running, and print what to try.")] = False,
) -> None:
    """Show the main job, step by step, against a server of its own."""
    raise typer.Exit(demo.run(keep=keep))


@app.command()
def revoke(
    serial: str,
    reason: Reason = RevocationReason.UNSPECIFIED,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJSON = False,
) -> None:
    """Revoke the certificate of this serial number, from its holder's very next request."""
    administration.revoke_certificate(serial, reason, data_dir, config, as_json)


@app.command()
def settings() -> None:
    """Print the page that documents every setting (docs/settings.md)."""
    print(settings_page(), end="")


@app.command()
def errors() -> None:
    """Print the page that documents every error (docs/errors.md)."""
    print(errors_page(), end="")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command; a refusal is one sentence on standard error and an exit status of its own."""
    try:
        app()
    except Refusal as refusal:
        print(f"connector: {refusal} [{refusal.code}]", file=sys.stderr)
        sys.exit(problem(refusal).exit)
    except (SettingsError, KeystoreError, ListenerError, ServerCertificateError, bootstrap.NotReady) as error:
        print(f"connector: {error}", file=sys.stderr)
        sys.exit(EXIT_SETTINGS)


def _say(line: str) -> None:
    print(line, flush=True)
