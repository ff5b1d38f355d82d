"""The command that answers who did what, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.bootstrap.start import DEFAULT_TENANT
from connector.cli.administration import TenantID
from connector.cli.output import Row
from connector.domain.audit import Action
from connector.domain.pairing import timestamp
from connector.ports.audit import EventFilter
from connector.usecases.auditing import NamedEvent, read_events
from connector.usecases.realms import Installation

MOST = 1000
USUAL = 50


@dataclass(frozen=True, slots=True)
class Which:
    """The events to list: those that fit all that is given."""

    action: Annotated[
        list[Action] | None,
        typer.Option(
            "--action",
            metavar="EVENT",
            help="What happened, such as certificate.revoked; docs/operations.md lists all. May be repeated.",
        ),
    ] = None
    actor: Annotated[str | None, typer.Option(help="Who did it, as the list shows it.")] = None
    about: Annotated[str | None, typer.Option(metavar="ID", help="To which application or runtime, by its id.")] = None
    serial: Annotated[str | None, typer.Option(metavar="SERIAL", help="To which certificate.")] = None
    address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="From which address.")] = None
    request: Annotated[str | None, typer.Option(metavar="ID", help="In which request; the log has its id too.")] = None
    since: Annotated[datetime | None, typer.Option("--since", help="From this time on (UTC).")] = None
    until: Annotated[datetime | None, typer.Option("--until", help="Before this time (UTC).")] = None

    @property
    def filter(self) -> EventFilter:
        """The same for the storage."""
        return EventFilter(
            actions=tuple(self.action or ()),
            about=self.about,
            actor=self.actor,
            serial=self.serial,
            address=self.address,
            request_id=self.request,
            since=_in_utc(self.since),
            until=_in_utc(self.until),
        )


def list_events(
    _: Administration,
    installation: Installation,
    which: Which,
    most: Annotated[int, typer.Option(min=1, max=MOST, help="So many at most.")] = USUAL,
    of_installation: Annotated[
        bool,
        typer.Option(
            "--installation",
            help="List events outside of tenants: keys, administrators and sessions for every tenant, adopted CAs.",
        ),
    ] = False,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> list[Row]:
    """List what happened in a tenant, or outside of tenants, newest first."""
    reached = installation if of_installation else installation.enter(tenant_id)
    return [_row(each) for each in read_events(reached, which.filter, most=most)]


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _row(named: NamedEvent) -> Row:
    return {"at": timestamp(named.event.at), **named.facts}
