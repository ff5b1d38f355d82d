"""The audit: what happened, filtered, page by page, and to take away."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from starlette.responses import Response, StreamingResponse

from connector.domain import pairing
from connector.domain.audit import Action, Recorded
from connector.ports.audit import EventFilter
from connector.usecases.realms import Realm
from connector.web.console import stories
from connector.web.console.layout import HEADERS
from connector.web.console.lists import days_of, rows, text_of
from connector.web.console.visits import Visit

FILTERS = ("what", "actor", "about", "from", "until")
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
        Action.TENANT_CREATED,
    ),
}
EXPORT_ROWS = 200  # at a time: to write them takes the loop two milliseconds
MOST_EXPORTED = 100_000
COLUMNS = (
    "at",
    "action",
    "actor",
    "owner_id",
    "system_auth_id",
    "token_id",
    "serial",
    "reason",
    "times",
    "address",
    "request_id",
)


async def audit(visit: Visit) -> Response:
    """The tenant's events, newest first."""
    query = visit.query

    which = _filter(visit)

    def read(realm: Realm) -> object:
        return rows(
            query,
            visit.path("audit"),
            ("audit", realm.tenant_id),
            (datetime, int),
            read=lambda after, most: realm.events.page(which, after=after, most=most),
            place=lambda each: (each.event.at, each.number),
            kept=FILTERS,
        )

    return visit.show(
        "audit.html",
        found=await visit.office.read(read),
        query=query,
        kinds=KINDS,
        actions=list(Action),
        words=stories.WORDS,
        line=stories.line,
    )


async def export(visit: Visit) -> Response:
    """The same as CSV (RFC 4180) or JSON lines, read some at a time; the newest hundred thousand."""
    is_csv = visit.query.get("format") == "csv"
    name, media_type = ("audit.csv", "text/csv; charset=utf-8") if is_csv else ("audit.jsonl", "application/x-ndjson")
    first = await visit.office.read(_some, visit, None)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_written(visit, first, is_csv=is_csv), media_type=media_type, headers=headers)


async def _written(visit: Visit, some: Sequence[Recorded], *, is_csv: bool) -> AsyncIterator[str]:
    if is_csv:
        yield _csv_line(COLUMNS)
    done = 0
    while some and done < MOST_EXPORTED:
        yield "".join(_csv_line(_cells(each)) if is_csv else _json_line(each) for each in some)
        done += len(some)
        place = (some[-1].event.at, some[-1].number)
        some = await visit.office.read(_some, visit, place)


def _some(realm: Realm, visit: Visit, place: tuple[datetime, int] | None) -> Sequence[Recorded]:
    return realm.events.page(_filter(visit), after=place, most=EXPORT_ROWS)


def _filter(visit: Visit) -> EventFilter:
    query, what = visit.query, visit.query.get("what", "")
    actions = KINDS.get(what) or ((Action(what),) if what in set(Action) else ())
    since, until = days_of(query, visit.zone)
    return EventFilter(
        actions=actions,
        about=text_of(query, "about"),
        actor=text_of(query, "actor"),
        since=since,
        until=until,
    )


def _cells(recorded: Recorded) -> list[str]:
    event = recorded.event
    values = [pairing.timestamp(event.at), *(str(getattr(event, name) or "") for name in COLUMNS[1:])]
    # A spreadsheet takes what begins like this for a formula, and runs it.
    return [f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value for value in values]


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _json_line(recorded: Recorded) -> str:
    event = recorded.event
    fields = {"number": recorded.number, "at": pairing.timestamp(event.at)}
    named = {name: getattr(event, name) for name in COLUMNS[1:]}
    return json.dumps({**fields, **named}, ensure_ascii=True) + "\n"
