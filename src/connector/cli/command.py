"""The common parts of the commands for administrators: their options, the office they run in, and how they print."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from connector.bootstrap.administration import administration
from connector.cli.grouping import gathered, option, options_of, options_of_group, set_options
from connector.cli.output import Output, Row, Verbatim
from connector.settings.values import read_duration, show_duration
from connector.system.users import login_name
from connector.usecases.offices import Office
from connector.usecases.realms import COMMAND, Installation

Result = Row | Sequence[Row] | Verbatim
Function = TypeVar("Function", bound=Callable[..., Result])


def _path(text: str) -> Path:
    if not text:
        raise typer.BadParameter("It is empty.")  # Path("") is the working directory, which nobody meant
    return Path(text)


def _duration(text: str, most: timedelta | None = None) -> int:
    try:
        length = read_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from error
    if not isinstance(length, timedelta):
        raise typer.BadParameter('It should be a duration such as "90d", "12h", "5m" or "30s".')
    if most is not None and not timedelta(seconds=1) <= length <= most:
        raise typer.BadParameter(f"It should be 1s to {show_duration(most)}.")
    return int(length.total_seconds())


def lifetime(help: str, most: timedelta | None = None) -> Any:
    """The option --lifetime: a duration as in the settings, which the function takes in seconds."""
    return typer.Option(
        "--lifetime",
        parser=partial(_duration, most=most),
        metavar="DURATION",
        help=f"{help} Such as 10m, 12h or 90d; or in seconds.",
    )


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=_path,
        metavar="DIRECTORY",
        help="The server's directory: CONNECTOR_DATA_DIR, or connector-data, if not given.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        parser=_path,
        metavar="FILE",
        help="The settings file: CONNECTOR_CONFIG, or the directory's connector.toml, if not given.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command finds the installation."""

    data_dir: DataDir = None
    config: Config = None


_SHARED = [
    *options_of_group(Place),
    option("as_json", AsJSON, default=False),
]


def command(
    group: typer.Typer, name: str, *, writes: bool = False, help: str | None = None, nothing: str = "", asks: str = ""
) -> Callable[[Function], Function]:
    """Make a command of a function over an Administration and an Installation, and print what it returns.

    The function's further parameters are the command's own, and so are the fields of its groups; --data-dir, --config
    and --json come with every command.
    Without ``writes`` it reads only, and works where nothing can be written: on a full disk, next to a busy server.
    ``asks`` is the question, with the command's arguments in it, before what cannot be undone: whoever is at a terminal
    answers it, unless they say --yes; a script is not asked.
    ``help`` is the function's docstring unless given; ``nothing`` is what to say of an empty list.
    """

    def register(function: Function) -> Function:
        def run(data_dir: Path | None, config: Path | None, as_json: bool, **arguments: object) -> None:
            # Before the transaction: while somebody thinks, a server goes on.
            _confirm(asks.format(**arguments), yes=bool(arguments.pop("yes", False)))
            caller = replace(COMMAND, actor=f"{COMMAND.actor}:{login_name()}")

            async def result() -> Result:
                async with administration(data_dir=data_dir, config=config) as opened:

                    def work(installation: Installation) -> Result:
                        return function(opened, installation, **gathered(function, arguments, skip=2))

                    office = Office(opened.store, lambda tx: Installation(tx, caller))
                    return await (office.run(work) if writes else office.read(work))

            Output(as_json=as_json).show(asyncio.run(result()), nothing=nothing)

        own = options_of(function, skip=2)
        own += [option("yes", Yes, default=False)] if asks else []
        set_options(run, [*own, *_SHARED])
        group.command(name, help=help or function.__doc__)(run)
        return function

    return register


def _confirm(question: str, *, yes: bool) -> None:
    if question and not yes and sys.stdin.isatty():
        typer.confirm(f"{question} This cannot be undone.", abort=True, err=True)
