"""The settings of the processes that serve, and of what they do beside."""

from datetime import timedelta

from pydantic import Field

from connector.settings.section import DAY, HOUR, SECOND, Section
from connector.settings.values import Duration


class Serving(Section):
    """The processes that serve."""

    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="So many processes share the listeners, for one processor each. More than one pay on PostgreSQL: "
        "SQLite has one writer at a time.",
    )


class Maintenance(Section):
    """The work that one process at a time does now and then: removing tokens that ended (tokens.retention),
    and sessions and sign-in links a day after their end.
    """

    interval: Duration = Field(
        default=timedelta(minutes=10),
        ge=SECOND,
        le=DAY,
        description="The time between two turns, give or take a half.",
    )


class Console(Section):
    """The console: the pages at /console on the public listener."""

    enabled: bool = Field(default=True, description="Whether it is served.")
    idle: Duration = Field(
        default=HOUR, ge=timedelta(minutes=5), le=DAY, description="A session ends when it was not used for so long."
    )
    longest: Duration = Field(
        default=12 * HOUR, ge=timedelta(minutes=5), le=30 * DAY, description="A session ends after so long in any case."
    )
