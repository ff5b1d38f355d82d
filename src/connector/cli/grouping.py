"""Options that belong together are one parameter of a command: a dataclass, each field of which is an option."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")

NOT_GIVEN = inspect.Parameter.empty


def option(name: str, annotation: object, *, default: object = NOT_GIVEN) -> inspect.Parameter:
    """A parameter of a command: an option, or an argument, as its annotation says."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def set_options(function: Callable[..., object], options: Sequence[inspect.Parameter]) -> None:
    """Let Typer, which reads a command's options from its signature, find these."""
    # What inspect.signature takes instead of the real one (PEP 362); typeshed has no such attribute of a function.
    function.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in options}


def options_of_group(group: type[Any]) -> list[inspect.Parameter]:
    """The options that are the fields of a group."""
    hints = get_type_hints(group, include_extras=True)
    return [
        option(each.name, hints[each.name], default=NOT_GIVEN if each.default is MISSING else each.default)
        for each in fields(group)
    ]


def options_of(function: Callable[..., object], *, skip: int = 0) -> list[inspect.Parameter]:
    """The options of a command that is this function, but for the first parameters; of a group, its fields."""
    found = []
    for each in _parameters(function, skip):
        group = _group(each)
        found += [each.replace(kind=each.KEYWORD_ONLY)] if group is None else options_of_group(group)
    return found


def gathered(function: Callable[..., object], given: Mapping[str, Any], *, skip: int = 0) -> dict[str, Any]:
    """The arguments with which to call the function, from the options that were given: of a group, one value."""
    arguments = dict(given)
    for each in _parameters(function, skip):
        group = _group(each)
        if group is not None:
            arguments[each.name] = group(**{field.name: arguments.pop(field.name) for field in fields(group)})
    return arguments


def grouped(function: Callable[..., T]) -> Callable[..., T]:
    """The command of a function that has groups among its parameters."""

    def run(**given: Any) -> T:
        return function(**gathered(function, given))

    run.__doc__ = function.__doc__
    set_options(run, options_of(function))
    return run


def _parameters(function: Callable[..., object], skip: int) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())[skip:]


def _group(parameter: inspect.Parameter) -> type[Any] | None:
    kind = parameter.annotation
    return kind if isinstance(kind, type) and is_dataclass(kind) else None
