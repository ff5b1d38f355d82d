"""Settings of the server's processes, of periodic work, and of the console."""

from datetime import timedelta

from pydantic import Field

from connector.settings.section import DAY, HOUR, SECOND, Section
from connector.settings.values import Duration


class Serving(Section):
    """The server's processes."""

    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Number of processes that share the listeners, about one for each core. More than one help on "
        "PostgreSQL; SQLite has one writer at a time.",
    )


class Maintenance(Section):
    """Periodic work, which one process at a time does: it removes expired tokens (tokens.retention), and sessions and
    sign-in links one day after their end.
    """

    interval: Duration = Field(
        default=timedelta(minutes=10),
        ge=SECOND,
        le=DAY,
        description="Time between two runs, varied by up to a half.",
    )


class Console(Section):
    """The console: the web interface at /console on the public listener."""

    enabled: bool = Field(default=True, description="Whether the console is served.")
    idle: Duration = Field(
        default=HOUR, ge=timedelta(minutes=5), le=DAY, description="A session ends after this time without use."
    )
    longest: Duration = Field(
        default=12 * HOUR,
        ge=timedelta(minutes=5),
        le=30 * DAY,
        description="A session ends after this time in any case.",
    )
