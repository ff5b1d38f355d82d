"""The command that answers who did what, and when."""

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
from connector.usecases.auditing import Named, happened
from connector.usecases.realms import Installation

MOST = 1000
USUAL = 50

Since = Annotated[datetime | None, typer.Option("--since", help="From this time on (UTC).")]
Until = Annotated[datetime | None, typer.Option("--until", help="Before this time (UTC).")]


def list_events(
    _: Administration,
    installation: Installation,
    action: Annotated[list[Action] | None, typer.Option("--action", help="What happened; may be repeated.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it, as the list shows it.")] = None,
    about: Annotated[str | None, typer.Option(metavar="ID", help="To which application or runtime, by its id.")] = None,
    serial: Annotated[str | None, typer.Option(metavar="SERIAL", help="To which certificate.")] = None,
    address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="From which address.")] = None,
    request: Annotated[str | None, typer.Option(metavar="ID", help="In which request; the log has its id too.")] = None,
    since: Since = None,
    until: Until = None,
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
    which = EventFilter(
        actions=tuple(action or ()),
        about=about,
        actor=actor,
        serial=serial,
        address=address,
        request_id=request,
        since=_in_utc(since),
        until=_in_utc(until),
    )
    reached = installation if of_installation else installation.enter(tenant_id)
    return [_row(each) for each in happened(reached, which, most=most)]


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _row(named: Named) -> Row:
    event = named.event
    return {
        "at": timestamp(event.at),
        "action": event.action.value,
        "actor": event.actor,
        "name": named.name,
        "owner": event.owner_id,
        "systemAuth": event.system_auth_id,
        "token": event.token_id,
        "serial": event.serial,
        "reason": event.reason,
        "times": event.times,
        "address": event.address,
        "request": event.request_id,
    }
