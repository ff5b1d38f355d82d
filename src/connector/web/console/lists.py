"""Lists: how a page of one is read from the URL, and where the next one begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from connector.domain.refusals.objects import InvalidData
from connector.web.graphql.director.paging import Cursors, Place

T = TypeVar("T")

ROWS = 30
MOST_TEXT = 500
YEARS = range(1970, 9999)


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """A page of a list, and the links to the next and the former one."""

    rows: Sequence[T]
    following: str | None
    first: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Which list, at which path, with places of which types. ``kept`` are the parameters of the filter, which go on to
    the next page.
    """

    path: str
    about: Sequence[str]
    types: tuple[type, ...]
    kept: Sequence[str]


def rows(
    query: Mapping[str, str],
    listed: Listed,
    *,
    read: Callable[[Any, int], Sequence[T]],
    place: Callable[[T], Place],
) -> Rows[T]:
    """The page that the query asks for.

    Raises:
        InvalidData: its place is none of this list's.
    """
    held = {name: query[name] for name in listed.kept if query.get(name)}
    cursors = Cursors(
        "\0".join((*listed.about, *(f"{name}={value}" for name, value in sorted(held.items())))), listed.types
    )
    after = cursors.read(query["after"]) if query.get("after") else None
    found = read(after, ROWS + 1)
    following = None
    if len(found) > ROWS:
        following = f"{listed.path}?{urlencode({**held, 'after': cursors.write(place(found[ROWS - 1]))})}"
    first = None if after is None else listed.path + (f"?{urlencode(held)}" if held else "")
    return Rows(found[:ROWS], following, first)


def text_of(query: Mapping[str, str], name: str) -> str | None:
    """A text to look for.

    Raises:
        InvalidData: it is too long.
    """
    text = query.get(name, "").strip()
    if len(text) > MOST_TEXT:
        raise InvalidData(f"Invalid data {name}: use at most {MOST_TEXT} characters.")
    return text or None


def days_of(query: Mapping[str, str], zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """The beginning of the day ``from``, and the end of the day ``until``, in the reader's zone. A day may have 23 or
    25 hours.

    Raises:
        InvalidData: one of them is no date, or too far away.
    """
    first, last = _day_of(query, "from"), _day_of(query, "until")
    return (
        None if first is None else _midnight(first, zone),
        None if last is None else _midnight(last + timedelta(days=1), zone),
    )


def _day_of(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name, "").strip()
    wrong = InvalidData(f"Invalid data {name}: use a date such as 2026-01-31.")
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date() if text else None
    except ValueError as error:
        raise wrong from error
    if found is not None and found.year not in YEARS:
        raise wrong
    return found


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)
