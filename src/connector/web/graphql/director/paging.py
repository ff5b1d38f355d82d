"""Pages of lists: how many, after which one, and whether there are more."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Generic, TypeVar

from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import read as read_json
from connector.web.graphql.weights import MOST_IN_A_PAGE

T = TypeVar("T")
Fields = dict[str, Any]
Place = tuple[Any, ...]

MAX_CURSOR = 2048

_CHECK_OCTETS = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors of one list: places in its order, of values of these types.

    ``about`` says which list it is, of which tenant, with which filter: a cursor is good for that alone. The check is
    no secret. A forged cursor names a place in a list that the caller may read anyway; it is there so that what was
    cut, changed or taken from another list is refused, and not quietly answered with the wrong page.
    """

    about: str
    types: tuple[type, ...]

    def write(self, place: Place) -> str:
        """The cursor for a place."""
        body = json.dumps([_pack(value) for value in place], separators=(",", ":")).encode()
        return urlsafe_b64encode(self._check(body) + body).decode("ascii")

    def read(self, cursor: str) -> Place:
        """The place of a cursor.

        Raises:
            InvalidData: it is none of this list's.
        """
        try:
            octets = urlsafe_b64decode(cursor.encode("ascii")) if len(cursor) <= MAX_CURSOR else b""
            body = octets[_CHECK_OCTETS:]
            is_ours = octets == self._check(body) + body and urlsafe_b64encode(octets).decode("ascii") == cursor
            values = read_json(body) if is_ours else []
            return tuple(_unpack(value, kind) for value, kind in zip(values, self.types, strict=True))
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidData(
                "Invalid data after: it is no cursor of this list. Use the endCursor of the page before, with the "
                "same filter."
            ) from error

    def _check(self, body: bytes) -> bytes:
        return sha256(self.about.encode() + b"\0" + body).digest()[:_CHECK_OCTETS]


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list: ``read`` gets the place after which to begin, or None, and how many to read at most."""

    cursors: Cursors
    read: Callable[[Any, int], Sequence[T]]
    place: Callable[[T], Place]
    tell: Callable[[Sequence[T]], list[Fields]]
    count: Callable[[], int]


def page(listing: Listing[Any], arguments: Mapping[str, Any], *, wanted: frozenset[str]) -> Fields:
    """One page of a list as a Pageable.

    Raises:
        InvalidData: ``first`` or ``after`` cannot be served.
    """
    first = MOST_IN_A_PAGE if arguments.get("first") is None else arguments["first"]
    if not 1 <= first <= MOST_IN_A_PAGE:
        raise InvalidData(f"Invalid data first: use 1 to {MOST_IN_A_PAGE}.")
    start = arguments.get("after") or ""
    found = listing.read(listing.cursors.read(start) if start else None, first + 1)
    shown, has_next = found[:first], len(found) > first
    return {
        "data": listing.tell(shown),
        # Clients of Compass loop until endCursor is empty, and send after: "" for the first page.
        "pageInfo": {
            "startCursor": start,
            "endCursor": listing.cursors.write(listing.place(shown[-1])) if has_next else "",
            "hasNextPage": has_next,
        },
        # Counted only where it is asked for: it takes longer the longer the list is.
        "totalCount": listing.count() if "totalCount" in wanted else 0,
    }


def empty_page() -> Fields:
    """A page of a list that has nothing in it."""
    return {"data": [], "pageInfo": {"startCursor": "", "endCursor": "", "hasNextPage": False}, "totalCount": 0}


def _pack(value: object) -> object:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return value.hex() if isinstance(value, bytes) else value


def _unpack(value: Any, type: type) -> object:
    if type is datetime and isinstance(value, int) and not isinstance(value, bool):
        return _EPOCH + timedelta(microseconds=value)
    if type is bytes:
        return bytes.fromhex(value)
    # No name and no id holds a NUL, and PostgreSQL takes none.
    if not isinstance(value, type) or "\0" in str(value):
        raise TypeError
    return value
