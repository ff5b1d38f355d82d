"""The SDL files, as they are installed with the code."""

from importlib.resources import files

FILES = {"connector": ("connector",), "director": ("director", "catalogue", "formations", "permissions", "audit")}
"""Each API's files: their definitions together are its schema."""


def sdl(api: str) -> str:
    """The text of an API's schema, or of another file."""
    return "\n".join((files(__package__) / f"{name}.graphql").read_text("utf-8") for name in FILES.get(api, (api,)))
