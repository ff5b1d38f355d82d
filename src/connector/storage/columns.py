# ruff: noqa: ARG002, D102 - the signatures of TypeDecorator are SQLAlchemy's
"""The types of columns: how values of the domain are written into a database, and read back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from connector.domain.labels import canonical
from connector.domain.strict_json import JSON, mended

E = TypeVar("E", bound=StrEnum)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A UTC-aware time, as microseconds since 1970.

    SQLite has no type for times, and its text form drops the zone. An integer compares alike in every database, is
    exact, and cannot be written from a time without a zone (TypeError).
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Word(TypeDecorator[E]):
    """A member of an enumeration, as its value: the values are API, the members' names are not."""

    impl = String
    cache_ok = True

    def __init__(self, members: type[E]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return None if value is None else self.members(value)


class TextWord(Word[E]):
    """A :class:`Word` in a column that was made without a type of its own."""

    impl = Text
    cache_ok = True


class Json(TypeDecorator[Mapping[str, JSON]]):
    r"""An object of JSON values, as their one ASCII text.

    Rows written by earlier versions may hold halves of surrogate pairs, which no answer can carry. They are read as the
    text ``\udfff``, so that their owner sees them and can set the label again.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, JSON] | None, dialect: Dialect) -> str | None:
        return None if value is None else canonical(dict(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, JSON] | None:
        if value is None:
            return None
        kept: Mapping[str, JSON] = json.loads(value)
        return mended(kept) if "\\ud" in value else kept


class Names(TypeDecorator[frozenset[str]]):
    """A set of texts as a JSON list in order; None is null."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: frozenset[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(sorted(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[str] | None:
        return None if value is None else frozenset(json.loads(value))
