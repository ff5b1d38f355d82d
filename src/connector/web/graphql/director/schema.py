"""The schema of the Director API, with its resolvers."""

from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any

from ariadne import InterfaceType, MutationType, QueryType, ScalarType, UnionType, make_executable_schema
from graphql import GraphQLSchema

from connector.domain.directory import EntityKind
from connector.domain.pairing import timestamp
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.audit import AuditFields
from connector.web.graphql.director.auths import TokenFields
from connector.web.graphql.director.certificates import CertificateFields
from connector.web.graphql.director.entities import EntityFields
from connector.web.graphql.director.formations import FormationFields
from connector.web.graphql.director.paging import Fields
from connector.web.graphql.director.permissions import PermissionFields
from connector.web.graphql.director.scopes import required
from connector.web.graphql.director.tenants import TenantFields
from connector.web.graphql.sdl import sdl

SYSTEM_AUTH_TYPES = {
    EntityKind.APPLICATION.name: "AppSystemAuth",
    EntityKind.RUNTIME.name: "RuntimeSystemAuth",
    EntityKind.INTEGRATION_SYSTEM.name: "IntSysSystemAuth",
}


def director_schema(director: Director) -> GraphQLSchema:
    """The executable schema. A root field without a resolver or without a scope does not start."""
    query, mutation = QueryType(), MutationType()
    for kind in EntityKind:
        EntityFields(director, kind).bind(query, mutation)
    for fields in (
        TokenFields(director),
        CertificateFields(director),
        TenantFields(director),
        FormationFields(director),
        PermissionFields(director),
        AuditFields(director),
    ):
        fields.bind(query, mutation)
    token = InterfaceType("OneTimeToken", lambda fields, *_: f"OneTimeTokenFor{fields['type']}")
    auth = InterfaceType("SystemAuth", lambda fields, *_: SYSTEM_AUTH_TYPES[fields["type"]])
    credential = UnionType("CredentialData", _credential_type)
    scalars = (
        ScalarType("Timestamp", serializer=timestamp, value_parser=_read_timestamp),
        ScalarType("Labels", value_parser=_read_labels),
    )
    schema = make_executable_schema(sdl("director"), query, mutation, token, auth, credential, *scalars)
    for root in (schema.query_type, schema.mutation_type):
        for name, field in root.fields.items() if root is not None else ():
            required(root, name)
            if field.resolve is None:
                raise ValueError(f"{root}.{name} has no resolver")
    return schema


def _credential_type(fields: Fields, *_: object) -> str:
    return "BasicCredentialData" if "username" in fields else "OAuthCredentialData"


def _read_timestamp(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not MINYEAR < time.year < MAXYEAR:
        raise ValueError("Use RFC 3339 with a zone, such as 2026-01-31T12:00:00Z.")
    return time.astimezone(UTC)


def _read_labels(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("Use an object of JSON values.")  # noqa: TRY004 - what graphql-core expects
    return value
