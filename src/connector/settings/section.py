"""The base of every section of the settings."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KIB = 1024
MIB = 1024 * KIB


class Section(BaseModel):
    """A table of connector.toml. A rule over several of its settings begins its message with the one to change."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)
