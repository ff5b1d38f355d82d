"""The SDL files, as they are installed beside the code."""

from importlib.resources import files

FILES = {"connector": ("connector",), "director": ("director", "catalogue", "formations")}
"""Each API's files: their definitions together are its schema."""


def sdl(api: str) -> str:
    """The schema of an API as text."""
    return "\n".join((files(__package__) / f"{name}.graphql").read_text("utf-8") for name in FILES[api])
