"""Options that belong together are one parameter of a command."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from connector.cli.grouping import gathered, grouped, options_of

Size = Annotated[int, typer.Option(help="How large.")]


@dataclass(frozen=True)
class Box:
    """A group with an argument, an option that must be given, and one that need not."""

    name: Annotated[str, typer.Argument()]
    size: Size
    is_open: Annotated[bool, typer.Option("--open")] = False


def pack(box: Box, number: Annotated[int, typer.Option()] = 1) -> None:
    """Pack."""
    typer.echo(f"{box} {number}")


def test_the_fields_of_a_group_are_options() -> None:
    """In the group's place its fields are options and arguments, with their defaults and annotations."""
    names = [(each.name, each.default) for each in options_of(pack)]
    empty = options_of(pack)[0].empty
    assert names == [("name", empty), ("size", empty), ("is_open", False), ("number", 1)]
    assert options_of(pack)[1].annotation == Size


def test_a_command_gets_the_group() -> None:
    """What was given on the command line comes as one value; what is missing is refused, as for any command."""
    app = typer.Typer()
    app.command()(grouped(pack))
    done = CliRunner().invoke(app, ["a", "--size", "3", "--open"])
    assert (done.exit_code, done.output) == (0, "Box(name='a', size=3, is_open=True) 1\n")
    assert CliRunner().invoke(app, ["a"]).exit_code == 2


def test_a_group_may_be_named_as_one_of_its_fields_is() -> None:
    """The option and the group are two things."""

    def wrap(name: Box) -> None:
        """Wrap."""

    assert gathered(wrap, {"name": "a", "size": 3, "is_open": True}) == {"name": Box("a", 3, is_open=True)}


def test_other_arguments_stay_as_they_are() -> None:
    """What is no group's stays, and the parameters that are skipped are the caller's own, dataclasses or not."""
    assert gathered(pack, {"name": "a", "size": 3, "is_open": False, "number": 2}) == {"box": Box("a", 3), "number": 2}
    assert gathered(pack, {"number": 2}, skip=1) == {"number": 2}
    assert [each.name for each in options_of(pack, skip=1)] == ["number"]
