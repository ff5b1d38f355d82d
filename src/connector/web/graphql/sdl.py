"""The SDL files, as they are installed beside the code."""

from importlib.resources import files


def sdl(name: str) -> str:
    """The text of ``<name>.graphql``."""
    return (files(__package__) / f"{name}.graphql").read_text("utf-8")
