"""Every refusal there is, whether or not the map to the wire knows it."""

from importlib import import_module
from pkgutil import iter_modules

from connector.domain import refusals
from connector.domain.refusals import Refusal


def all_refusals() -> list[type[Refusal]]:
    """The classes of every module in connector.domain.refusals."""
    return [
        kind
        for each in iter_modules(refusals.__path__, f"{refusals.__name__}.")
        for kind in vars(import_module(each.name)).values()
        if isinstance(kind, type) and issubclass(kind, Refusal) and kind.__module__ == each.name
    ]
