"""The settings about files that are not the server's alone."""

from typing import Annotated

from pydantic import AfterValidator, Field

from connector.exposure.files import group_id
from connector.settings.section import Section


def _check_group(value: str) -> str:
    group_id(value)
    return value


class Files(Section):
    """Access to the server's files: its own user, root, and the group named here. The server does not start if other
    users can write its data directory, settings, keys or database, or read its keys or database.
    """

    group: Annotated[str, AfterValidator(_check_group)] | None = Field(
        default=None,
        description="A group, by name or number, for secrets that an orchestrator mounts. For the settings file "
        "itself, only the environment variable counts.",
    )

    @property
    def group_id(self) -> int | None:
        """The group's number."""
        return None if self.group is None else group_id(self.group)
