"""Requests made from the schemas, so that a field is tried the day it appears; and what they leave in the database."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import httpx2
import pysqlite3.dbapi2 as sqlite
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
)
from tests.support.server import Identity, Server

from connector.web.graphql.sdl import sdl

DEPTH = 5
# Texts that name something, beside everything of the types ID and PageCursor; and those that do not.
NAMING = {"serial", "text", "certificate", "appID", "actor", "request"}
FREE = {
    *("name", "description", "providerName", "key", "query", "sourceNetwork", "keySHA256", "csr", "proof"),
    *("healthCheckURL", "baseUrl", "applicationNamespace", "localTenantID", "templateName", "state", "searchTerm"),
    "certificateProfile",  # one of the installation
    *("actions", "address"),  # of an event
}
# Where a formation is named by its name.
BY_NAME: Mapping[str, tuple[str, ...]] = {
    "formationByName": ("name",),
    "deleteFormation": ("formation", "name"),
    "assignFormation": ("formation", "name"),
    "unassignFormation": ("formation", "name"),
}
NAMELESS = {"Any", "Boolean", "Int", "Labels", "Timestamp"}
VALUES: Mapping[str, Any] = {"String": "x", "ID": "x", "Any": 1, "Int": 1, "Boolean": True}

Path = tuple[str, ...]

CROWD = [f"127.0.0.{number}" for number in range(2, 22)]


@dataclass(frozen=True, slots=True)
class Operation:
    """One root field of an API. ``slots`` are the places in its arguments that name something."""

    kind: str
    name: str
    document: str
    field: GraphQLField

    @property
    def slots(self) -> list[Path]:
        """The places.

        Raises:
            KeyError: it is not known whether an argument names something; teach it.
        """
        by_name = [BY_NAME[self.name]] if self.name in BY_NAME else []
        return by_name + [path for name, argument in self.field.args.items() for path in _slots((name,), argument.type)]

    def variables(self, values: Mapping[Path, Any], others: Mapping[str, Any]) -> dict[str, Any]:
        """Variables with these values at these places, and elsewhere what is required: ``others`` by name, or by type.

        Raises:
            KeyError: an argument is required of which it is not known what to give; teach it.
        """
        made = {name: _value((name,), argument.type, values, others) for name, argument in self.field.args.items()}
        return {name: value for name, value in made.items() if value is not None}


def operations(api: str) -> Iterator[Operation]:
    """Every root field of ``connector`` or ``director``, with a document that selects all it can."""
    schema = build_schema(sdl(api))
    for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            declared = ", ".join(f"${argument}: {each.type}" for argument, each in field.args.items())
            given = ", ".join(f"{argument}: ${argument}" for argument in field.args)
            call = f"{name}({given})" if given else name
            declaration = f"({declared})" if declared else ""
            yield Operation(kind, name, f"{kind} {declaration} {{ {call} {_selection(field.type, DEPTH)} }}", field)


def _selection(type_: GraphQLOutputType, depth: int) -> str:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
        return "{ __typename }"
    if not isinstance(named, GraphQLObjectType):
        return ""
    chosen = [
        f"{name} {_selection(field.type, depth - 1)}"
        for name, field in named.fields.items()
        if depth > 1 or not isinstance(get_named_type(field.type), GraphQLObjectType)
    ]
    return f"{{ {' '.join(chosen)} }}"


def _slots(path: Path, type_: GraphQLInputType) -> Iterator[Path]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from _slots((*path, name), field.type)
    elif named.name in ("ID", "PageCursor") or path[-1] in NAMING:
        yield path
    elif not (isinstance(named, GraphQLEnumType) or named.name in NAMELESS or path[-1] in FREE):
        raise KeyError(f"teach whether {'.'.join(path)}, a {named.name}, names something")


def _value(path: Path, type_: GraphQLInputType, values: Mapping[Path, Any], others: Mapping[str, Any]) -> Any:
    if path in values:
        return values[path]
    is_wanted = any(place[: len(path)] == path for place in values)
    if not isinstance(type_, GraphQLNonNull) and not is_wanted:
        return None
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if isinstance(inner, GraphQLInputObjectType):
        made = {name: _value((*path, name), field.type, values, others) for name, field in inner.fields.items()}
        return {name: value for name, value in made.items() if value is not None}
    if isinstance(inner, GraphQLList):
        return [_value(path, inner.of_type, values, others)]
    first = next(iter(inner.values)) if isinstance(inner, GraphQLEnumType) else VALUES.get(inner.name)
    value = others.get(path[-1], first)
    if value is None:
        raise KeyError(f"teach what a {inner.name} is")
    return value


def connected(server: Server, identity: Identity | None = None, *, address: str | None = None) -> httpx2.Client:
    """A client that keeps its connection, which comes from this address of ours, if one is given."""
    context = ssl.create_default_context(cadata=server.root.decode())
    if identity is not None:
        context.load_cert_chain(identity.chain, identity.key)
    return httpx2.Client(transport=httpx2.HTTPTransport(verify=context, local_address=address), timeout=30)


@contextmanager
def crowd(server: Server) -> Iterator[Iterator[httpx2.Client]]:
    """Clients at many addresses, one after the other without end: the server paces refusals without a credential, at
    fifty a second for each address.
    """
    with ExitStack() as stack:
        yield cycle([stack.enter_context(connected(server, address=each)) for each in CROWD])


def rows(server: Server, *without: str) -> dict[str, list[Any]]:
    """All that is in the database, but for these tables; probes, CRLs and sightings are written in between by
    themselves.
    """
    with closing(sqlite.connect(f"file:{server.data / 'connector.db'}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - our own names
            for (name,) in tables
            if name not in ("probes", "crls", "sightings", *without)
        }
