"""Options that belong together are one parameter of a command: a dataclass, each field of which is an option."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")

NOT_GIVEN = inspect.Parameter.empty


def option(name: str, annotation: object, *, default: object = NOT_GIVEN) -> inspect.Parameter:
    """A parameter of a command: an option, or an argument, as its annotation says."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def set_options(function: Callable[..., object], options: list[inspect.Parameter]) -> None:
    """Let Typer, which reads a command's options from its signature, find these."""
    function.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in options}


def options_of(function: Callable[..., object], *, skip: int = 0) -> list[inspect.Parameter]:
    """The function's parameters after the first ones; of a group, its fields in its place."""
    found = []
    for each in _parameters(function)[skip:]:
        found += _fields(each.annotation) if is_dataclass(each.annotation) else [each.replace(kind=each.KEYWORD_ONLY)]
    return found


def gathered(function: Callable[..., object], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which to call the function: what was given for a group's fields is the group."""
    arguments = dict(given)
    for each in _parameters(function):
        kind = each.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            names = [field.name for field in fields(kind)]
            if arguments.keys() >= set(names):
                arguments[each.name] = kind(**{name: arguments.pop(name) for name in names})
    return arguments


def grouped(function: Callable[..., T]) -> Callable[..., T]:
    """The command of a function that has groups among its parameters."""

    def run(**given: Any) -> T:
        return function(**gathered(function, given))

    run.__doc__ = function.__doc__
    set_options(run, options_of(function))
    return run


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _fields(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        option(each.name, hints[each.name], default=NOT_GIVEN if each.default is MISSING else each.default)
        for each in fields(group)
    ]
