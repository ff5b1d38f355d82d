"""The documents that standard clients send, and those of our documentation: known from the first request on."""

from collections.abc import Sequence

from connector.web.graphql.sdl import sdl

SEPARATOR = "\n---\n"


def standing(name: str) -> Sequence[str]:
    """The documents of ``<name>.standing.graphql``. What is in their string literals does not count."""
    return sdl(f"{name}.standing").split(SEPARATOR)
