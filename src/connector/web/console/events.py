"""The audit: what happened in a tenant, or outside of tenants; filtered, page by page, and exported."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from starlette.responses import Response, StreamingResponse

from connector.domain import pairing
from connector.domain.audit import Action
from connector.ports.audit import EventFilter
from connector.usecases.auditing import NamedEvent, Place, read_events
from connector.usecases.realms import Installation, Realm
from connector.web.console import stories
from connector.web.console.layout import HEADERS
from connector.web.console.lists import Listed, Rows, days_of, rows, text_of
from connector.web.console.visits import Visit

T = TypeVar("T")

PATH = "/console/audit"
"""The page of the events outside of tenants. Each tenant's is below the tenant's own path."""

FILTERS = ("what", "actor", "about", "serial", "address", "request", "from", "until")
KINDS = {
    "refusals": (Action.TOKEN_REFUSED, Action.CERTIFICATE_REFUSED, Action.SIGN_IN_REFUSED),
    "enrollments": (Action.CERTIFICATE_ISSUED, Action.CERTIFICATE_RENEWED),
    "revocations": (Action.CERTIFICATE_REVOKED, Action.KEY_REVOKED),
    "administration": (
        Action.ADMINISTRATOR_CREATED,
        Action.ADMINISTRATOR_DISABLED,
        Action.ADMINISTRATOR_ENABLED,
        Action.ADMINISTRATOR_CHANGED,
        Action.ADMINISTRATOR_REMOVED,
        Action.PASSWORD_SET,
        Action.LINK_MADE,
        Action.SESSION_BEGAN,
        Action.SESSION_ENDED,
        Action.KEY_CREATED,
        Action.KEY_REVOKED,
        Action.TOKEN_KEY_PUBLISHED,
        Action.TOKEN_KEY_REMOVED,
        Action.TENANT_CREATED,
        Action.TENANT_RENAMED,
    ),
}
EXPORT_ROWS = 200  # at a time: to write them takes the loop two milliseconds
MOST_EXPORTED = 100_000
COLUMNS = (
    "at",
    "action",
    "actor",
    "owner_id",
    "owner_name",
    "system_auth_id",
    "token_id",
    "serial",
    "reason",
    "times",
    "address",
    "request_id",
)


async def audit(visit: Visit) -> Response:
    """The events of the path's tenant, or those outside of tenants, newest first."""
    query, which, path = visit.query, _filter(visit), _path(visit)

    def read(reached: Realm | Installation) -> Rows[NamedEvent]:
        return rows(
            query,
            Listed(
                path,
                ("audit", "" if isinstance(reached, Installation) else reached.tenant_id),
                (datetime, int),
                kept=FILTERS,
            ),
            read=lambda after, most: read_events(reached, which, after=after, most=most),
            place=lambda each: each.place,
        )

    return visit.show(
        "audit.html",
        found=await _read(visit, read),
        of_tenant=visit.tenant,
        path=path,
        query=query,
        kinds=KINDS,
        actions=sorted(stories.WORDS.items(), key=lambda each: each[1]),
        line=stories.line,
    )


async def export(visit: Visit) -> Response:
    """The same as CSV (RFC 4180) or JSON lines, read some at a time; the newest hundred thousand."""
    is_csv = visit.query.get("format") == "csv"
    name, media_type = ("audit.csv", "text/csv; charset=utf-8") if is_csv else ("audit.jsonl", "application/x-ndjson")
    first = await _some(visit, None)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_written(visit, first, is_csv=is_csv), media_type=media_type, headers=headers)


async def _written(visit: Visit, some: Sequence[NamedEvent], *, is_csv: bool) -> AsyncIterator[str]:
    if is_csv:
        yield _csv_line(COLUMNS)
    done = 0
    while some and done < MOST_EXPORTED:
        yield "".join(_csv_line(_cells(each)) if is_csv else _json_line(each) for each in some)
        done += len(some)
        some = await _some(visit, some[-1].place)


async def _some(visit: Visit, place: Place | None) -> Sequence[NamedEvent]:
    which = _filter(visit)
    return await _read(visit, lambda reached: read_events(reached, which, after=place, most=EXPORT_ROWS))


async def _read(visit: Visit, use_case: Callable[[Realm | Installation], T]) -> T:
    if visit.tenant is None:
        return await visit.installation.read(use_case)
    return await visit.office.read(use_case)


def _path(visit: Visit) -> str:
    return PATH if visit.tenant is None else visit.path("audit")


def _filter(visit: Visit) -> EventFilter:
    query, what = visit.query, visit.query.get("what", "")
    actions = KINDS.get(what) or ((Action(what),) if what in set(Action) else ())
    since, until = days_of(query, visit.zone)
    return EventFilter(
        actions=actions,
        about=text_of(query, "about"),
        actor=text_of(query, "actor"),
        serial=text_of(query, "serial"),
        address=text_of(query, "address"),
        request_id=text_of(query, "request"),
        since=since,
        until=until,
    )


def _fields(named: NamedEvent) -> dict[str, object]:
    event = named.event
    told = {"at": pairing.timestamp(event.at), "owner_name": named.name}
    return {name: told[name] if name in told else getattr(event, name) for name in COLUMNS}


def _cells(named: NamedEvent) -> list[str]:
    values = [str(value or "") for value in _fields(named).values()]
    # A spreadsheet takes what begins like this for a formula, and runs it.
    return [f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value for value in values]


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _json_line(named: NamedEvent) -> str:
    return json.dumps({"number": named.recorded.number, **_fields(named)}, ensure_ascii=True) + "\n"
