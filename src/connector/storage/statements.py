"""The parts of the repositories' statements. A row holds a record's fields in their order."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    Text,
    UpdateBase,
    any_,
    bindparam,
    insert,
    literal,
    literal_column,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY

T = TypeVar("T")

DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_MICROSECONDS = DAY // _MICROSECOND

PARAMETERS = 500
"""The most values in one IN: databases limit the number of parameters."""

_NOTHING = literal_column("''", Text)


class Prepared:
    """A statement that SQLAlchemy compiles once for each dialect, and that goes straight to the driver from then on.

    SQLAlchemy's own execution looks the statement up in a cache, makes a context, a result and its rows: some 60 us,
    where SQLite needs ten. So this is for the few statements that every request runs (decision 0014). Text, types and
    values are SQLAlchemy's all the same. The driver's exceptions come as they are.
    """

    def __init__(self, statement: Select[Any] | UpdateBase, names: Sequence[str] | None = None) -> None:
        """Nothing is compiled yet.

        Args:
            statement: none of its parameters is a list.
            names: the columns that an INSERT gives values for, if it is one.
        """
        self._statement = statement
        self._names = names
        self._compiled: dict[str, Compiled] = {}

    def first(self, connection: Connection, **values: Any) -> Sequence[Any] | None:
        """The one row; None where there is none."""
        compiled = self.compiled(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(compiled.text, compiled.bind(values))
        # All of them, so that a statement that writes is finished.
        rows = cursor.fetchall()
        return compiled.row(rows[0]) if rows else None

    def all(self, connection: Connection, **values: Any) -> Sequence[Sequence[Any]]:
        """All rows."""
        compiled = self.compiled(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(compiled.text, compiled.bind(values))
        return [compiled.row(row) for row in cursor.fetchall()]

    def run(self, connection: Connection, **values: Any) -> int:
        """Run it, and return how many rows it changed."""
        compiled = self.compiled(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(compiled.text, compiled.bind(values))
        return cursor.rowcount

    def run_each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it with each row of values."""
        compiled = self.compiled(connection.dialect)
        cursor = connection.connection.cursor()
        if len(rows) == 1:
            cursor.execute(compiled.text, compiled.bind(rows[0]))
        else:
            cursor.executemany(compiled.text, [compiled.bind(row) for row in rows])

    def compiled(self, dialect: Dialect) -> "Compiled":
        """The statement in this dialect."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self._statement, dialect, self._names)
        return found


class PreparedAmong:
    """A question about the rows whose column has one of several values.

    Several values by one statement cost less than as many statements. SQLite has no arrays, so there is a statement for
    each of a few numbers, the greatest first. On SQLite, aggregates, an order and a limit are those of each statement.
    """

    def __init__(self, statement: Select[Any], column: Column[Any]) -> None:
        """Nothing is compiled yet."""
        self._some = {
            number: Prepared(statement.where(column.in_([bindparam(f"v{n}") for n in range(number)])))
            for number in (32, 8, 1)
        }
        self._all = Prepared(statement.where(column == any_(bindparam("values", type_=ARRAY(column.type)))))

    def all(self, connection: Connection, values: Collection[object], **others: Any) -> Iterator[Sequence[Any]]:
        """The rows; ``others`` are the statement's own parameters."""
        wanted = list(dict.fromkeys(values))
        if connection.dialect.name == "postgresql":
            yield from self._all.all(connection, values=wanted, **others)
            return
        place = 0
        for number, statement in self._some.items():
            while len(wanted) - place >= number:
                some = wanted[place : place + number]
                yield from statement.all(connection, **{f"v{n}": each for n, each in enumerate(some)}, **others)
                place += number


Process = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement in one dialect: its text, and what its values go through on their way in and out."""

    text: str
    positional: bool
    binds: Sequence[tuple[str, Process]]
    constants: Mapping[str, Any]
    results: Sequence[Process]

    def bind(self, values: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them."""
        if self.constants:
            values = {**self.constants, **values}
        if self.positional:
            return [process(values[name]) if process else values[name] for name, process in self.binds]
        return {name: process(values[name]) if process else values[name] for name, process in self.binds}

    def row(self, found: Sequence[Any]) -> Sequence[Any]:
        """A row as the types of its columns have it."""
        return [process(value) if process else value for process, value in zip(self.results, found, strict=True)]


def _compile(statement: Select[Any] | UpdateBase, dialect: Dialect, names: Sequence[str] | None) -> Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    given = compiled.params
    binds = [
        (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in compiled.positiontup or given
    ]
    returned = statement.selected_columns if isinstance(statement, Select) else statement.exported_columns
    return Compiled(
        text=str(compiled),
        positional=compiled.positiontup is not None,
        binds=binds,
        constants={name: value for name, value in given.items() if not compiled.binds[name].required},
        results=[column.type.dialect_impl(dialect).result_processor(dialect, None) for column in returned],
    )


class Insert:
    """The statement that records one record of a type, and the values that it takes."""

    def __init__(self, table: Table, record: type[Any]) -> None:
        self._names = [field.name for field in fields(record)]
        self._values = attrgetter(*self._names)
        # Inline: nobody asks for the key that the database gave.
        self._statement = Prepared(insert(table).inline(), self._names)

    def __call__(self, connection: Connection, *records: object, taken: Exception) -> None:
        """Record them; ``taken`` is raised where a constraint stands against it."""
        rows = [self.row(record) for record in records]
        try:
            self._statement.run_each(connection, rows)
        except connection.dialect.loaded_dbapi.IntegrityError as error:
            raise taken from error

    def row(self, record: object) -> dict[str, Any]:
        """The record's fields by their names."""
        return dict(zip(self._names, self._values(record), strict=True))


def chunks(values: Collection[T]) -> Iterator[Sequence[T]]:
    """The values, in parts that fit into one statement."""
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
    """The rows in that order: those after that place, ``most`` at most.

    The place is a value of the order's columns, not a number of rows, so that the last page costs what the first does.
    """
    if after is not None:
        here: ColumnElement[Any] = tuple_(*order)
        there = tuple_(*(literal(value, column.type) for value, column in zip(after, order, strict=True)))
        statement = statement.where(here < there if newest_first else here > there)
    statement = statement.order_by(*(column.desc() if newest_first else column.asc() for column in order))
    return statement if most is None else statement.limit(most)


def unindexed(column: Column[str]) -> ColumnElement[str]:
    """The column's value, in a form in which no index is used for it.

    For a condition next to a narrower one, which has an index of its own. SQLite keeps no statistics, and
    takes an index that begins with an equality, and gives the order too, before one that needs several look-ups: it
    would read all that a tenant has.
    """
    return column.concat(_NOTHING)


def whole_days(moment: ColumnElement[datetime], since: datetime) -> ColumnElement[int]:
    """The number of whole days from ``since`` to the moment."""
    # In whole numbers, as the database has them; as constants, so that PostgreSQL sees one expression in both places.
    first = (since - _EPOCH) // _MICROSECOND
    whole = type_coerce(moment, BigInteger) - literal_column(str(first), BigInteger)
    return whole.op("/", precedence=20, return_type=BigInteger())(literal_column(str(_DAY_MICROSECONDS), BigInteger))
