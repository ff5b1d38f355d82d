"""The commands for the settings: whether a server would start with them, and which are in force."""

from typing import Annotated

import typer

from connector.bootstrap.files import load_safely
from connector.cli.command import AsJSON, Place
from connector.cli.exits import EXIT_SETTINGS, end
from connector.cli.grouping import grouped
from connector.cli.output import Output
from connector.settings import in_force

DEFAULT = "default"

config = typer.Typer(help="The settings: check, show.", no_args_is_help=True)


@config.command("check")
@grouped
def check(place: Place, as_json: AsJSON = False) -> None:
    """Check the settings, and the files that they name, as a start would.

    Nothing is started or made, and the CA and the database are not opened. What is wrong is said with its source, and
    the exit status is that of a start.
    """
    from connector.bootstrap.checking import check_files, check_settings  # noqa: PLC0415 - it imports what serves
    from connector.serving import ServerCertificateError  # noqa: PLC0415 - it is what serves

    checked = check_settings(data_dir=place.data_dir, config=place.config)
    try:
        check_files(checked)
    except ServerCertificateError as error:
        end(error, EXIT_SETTINGS)
    origins = checked.origins
    row = {"settings": "valid", "changed": len(origins), "from": sorted(set(origins.values()))}
    Output(as_json=as_json).show(row, nothing="")


@config.command("show")
@grouped
def show(
    place: Place,
    everything: Annotated[bool, typer.Option("--all", help="Show those too that are as their defaults.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Show the settings that a server would start with now, and where each comes from. Secrets are not shown."""
    settings, origins = load_safely(data_dir=place.data_dir, config=place.config)
    rows = [
        {"setting": setting.dotted, "value": value, "from": origin}
        for setting, value, origin in in_force(settings, origins)
        if everything or origin != DEFAULT
    ]
    Output(as_json=as_json).show(rows, nothing="Every setting has its default. Show them: connector config show --all")
