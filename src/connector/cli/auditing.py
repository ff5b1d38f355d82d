"""The command that answers who did what, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.bootstrap.start import DEFAULT_TENANT
from connector.cli.administration import TenantID
from connector.cli.output import Row
from connector.domain.audit import Action, Recorded
from connector.domain.pairing import timestamp
from connector.ports.audit import EventFilter
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
        actions=tuple(action or ()), about=about, actor=actor, since=_in_utc(since), until=_in_utc(until)
    )
    if of_installation:
        return [_event(each, {}) for each in installation.events(which, most=most)]
    realm = installation.enter(tenant_id)
    found = realm.events.page(which, most=most)
    names = realm.directory.names({each.event.owner_id for each in found if each.event.owner_id is not None})
    return [_event(each, names) for each in found]


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _event(recorded: Recorded, names: Mapping[str, str]) -> Row:
    happened = recorded.event
    return {
        "at": timestamp(happened.at),
        "action": happened.action.value,
        "actor": happened.actor,
        "name": None if happened.owner_id is None else names.get(happened.owner_id),
        "owner": happened.owner_id,
        "systemAuth": happened.system_auth_id,
        "token": happened.token_id,
        "serial": happened.serial,
        "reason": happened.reason,
        "times": happened.times,
        "address": happened.address,
        "request": happened.request_id,
    }
