"""What the repositories build their statements from. A row holds a record's fields in their order."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, Text, insert, literal, literal_column, tuple_
from sqlalchemy.exc import IntegrityError

T = TypeVar("T")

PARAMETERS = 500
"""So many values in one IN at most; databases count parameters."""

_NOTHING = literal_column("''", Text)


class Insert:
    """The statement that records one record of a type, and the values that it takes."""

    def __init__(self, table: Table, record: type[Any]) -> None:
        self._names = [field.name for field in fields(record)]
        self._values = attrgetter(*self._names)
        # Inline: nobody asks for the key that the database gave.
        self._statement = insert(table).inline()

    def __call__(self, connection: Connection, *records: object, taken: Exception) -> None:
        """Record them; ``taken`` is raised where a constraint stands against it."""
        rows = [self.row(record) for record in records]
        try:
            connection.execute(self._statement, rows)
        except IntegrityError as error:
            raise taken from error

    def row(self, record: object) -> dict[str, Any]:
        """The record's fields by their names."""
        return dict(zip(self._names, self._values(record), strict=True))


def chunks(values: Collection[T]) -> Iterator[Sequence[T]]:
    """The values, so many at a time as fit into one statement."""
    ordered = list(values)
    for start in range(0, len(ordered), PARAMETERS):
        yield ordered[start : start + PARAMETERS]


def page(
    statement: Select[Any],
    order: Sequence[Column[Any]],
    *,
    newest_first: bool,
    after: Sequence[object] | None,
    most: int | None,
) -> Select[Any]:
    """The rows in that order: those after that place, so many at most.

    The place is a value of the order's columns, not a number of rows, so that the last page costs what the first does.
    """
    if after is not None:
        here: ColumnElement[Any] = tuple_(*order)
        there = tuple_(*(literal(value, column.type) for value, column in zip(after, order, strict=True)))
        statement = statement.where(here < there if newest_first else here > there)
    statement = statement.order_by(*(column.desc() if newest_first else column.asc() for column in order))
    return statement if most is None else statement.limit(most)


def beside(column: Column[str]) -> ColumnElement[str]:
    """The column's value, in a form in which no index is used for it.

    For a condition that stands beside a narrower one, which has an index of its own. SQLite keeps no statistics, and
    takes an index that begins with an equality, and gives the order too, before one that needs several look-ups: it
    would read all that a tenant has.
    """
    return column.concat(_NOTHING)
