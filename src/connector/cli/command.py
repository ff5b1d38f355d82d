"""What the commands for administrators share: their options, the office they run in, and how they print."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from connector import bootstrap
from connector.cli.output import Output, Row, Verbatim
from connector.usecases.offices import Office
from connector.usecases.realms import COMMAND, Installation

Result = Row | Sequence[Row] | Verbatim
Function = TypeVar("Function", bound=Callable[..., Result])


def _path(text: str) -> Path:
    if not text:
        raise typer.BadParameter("It is empty.")  # Path("") is the working directory, which nobody meant
    return Path(text)


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
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_SHARED = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    for name, default, annotation in (("data_dir", None, DataDir), ("config", None, Config), ("as_json", False, AsJSON))
]


def command(
    group: typer.Typer, name: str, *, writes: bool = False, help: str | None = None, nothing: str = ""
) -> Callable[[Function], Function]:
    """Make a command of a function over an Administration and an Installation, and print what it returns.

    The function's further parameters are the command's own; --data-dir, --config and --json come with every command.
    Without ``writes`` it reads only, and works where nothing can be written: on a full disk, beside a busy server.
    ``help`` is the function's docstring unless given; ``nothing`` is what to say of an empty list.
    """

    def register(function: Function) -> Function:
        def run(data_dir: Path | None, config: Path | None, as_json: bool, **arguments: object) -> None:
            async def result() -> Result:
                async with bootstrap.administration(data_dir=data_dir, config=config) as administration:

                    def work(installation: Installation) -> Result:
                        return function(administration, installation, **arguments)

                    office = Office(administration.store, lambda tx: Installation(tx, COMMAND))
                    return await (office.run(work) if writes else office.read(work))

            Output(as_json=as_json).show(asyncio.run(result()), nothing=nothing)

        # Typer reads a command's options from its signature.
        own = list(inspect.signature(function).parameters.values())[2:]
        run.__signature__ = inspect.Signature([*own, *_SHARED])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*own, *_SHARED)}
        group.command(name, help=help or function.__doc__)(run)
        return function

    return register
