"""Lists: how a page of one is read from the URL, and where the next one begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from connector.domain.refusals.objects import InvalidData
from connector.web.graphql.director.paging import Cursors, Place

T = TypeVar("T")

ROWS = 30
MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """A page of a list, and the links to the next and the former one."""

    rows: Sequence[T]
    following: str | None
    first: str | None


def rows(
    query: Mapping[str, str],
    path: str,
    about: Sequence[str],
    types: tuple[type, ...],
    *,
    read: Callable[[Any, int], Sequence[T]],
    place: Callable[[T], Place],
    kept: Sequence[str],
) -> Rows[T]:
    """The page that the query asks for. ``kept`` are the parameters of the filter, which go on to the next page.

    Raises:
        InvalidData: its place is none of this list's.
    """
    held = {name: query[name] for name in kept if query.get(name)}
    cursors = Cursors("\0".join((*about, *(f"{name}={value}" for name, value in sorted(held.items())))), types)
    after = cursors.read(query["after"]) if query.get("after") else None
    found = read(after, ROWS + 1)
    following = None
    if len(found) > ROWS:
        following = f"{path}?{urlencode({**held, 'after': cursors.write(place(found[ROWS - 1]))})}"
    first = None if after is None else path + (f"?{urlencode(held)}" if held else "")
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


def day_of(query: Mapping[str, str], name: str) -> datetime | None:
    """A day, as a date field sends it.

    Raises:
        InvalidData: it is none.
    """
    text = query.get(name, "").strip()
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise InvalidData(f"Invalid data {name}: use a date such as 2026-01-31.") from error
