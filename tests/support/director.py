"""The Director API as one administrator calls it, over one connection."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pysqlite3.dbapi2 as driver
from tests.support.server import Identity, Server

REGISTER = "mutation ($in: {type}!) {{ result: register{kind}(in: $in) {{ {fields} }} }}"
REQUEST = """mutation ($id: ID!, $auth: ID, $terms: OneTimeTokenTerms) {{
    result: requestOneTimeTokenFor{kind}(id: $id, systemAuthID: $auth, terms: $terms) {{ {fields} }}
}}"""
INPUTS = {
    "Application": "ApplicationRegisterInput",
    "Runtime": "RuntimeRegisterInput",
    "IntegrationSystem": "IntegrationSystemInput",
}
OPEN = "query ($id: ID!) { result: oneTimeTokens(filter: {ownerID: $id, state: minted}) { totalCount } }"


class Refused(NamedTuple):
    """One entry of ``errors``."""

    error_code: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Director:
    """A caller with a key, in a tenant. Each document has one root field, aliased to ``result``."""

    server: Server
    http: httpx2.Client
    key: str = field(repr=False)
    tenant: str | None

    def ask(self, document: str, variables: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """What the root field answers."""
        content = self.post(document, variables, **headers).json()
        assert "errors" not in content, content
        return content["data"]["result"]

    def refused(self, document: str, variables: Mapping[str, Any] | None = None, **headers: str) -> Refused:
        """Why the root field is refused."""
        content = self.post(document, variables, **headers).json()
        assert "errors" in content, content
        (entry,) = content["errors"]
        assert not (content["data"] or {}).get("result")
        return Refused(entry["extensions"]["error_code"], entry["extensions"]["error"], entry["message"])

    def post(self, document: str, variables: Mapping[str, Any] | None = None, **headers: str) -> httpx2.Response:
        """The answer as it comes."""
        named = {} if self.tenant is None else {"Tenant": self.tenant}
        return self.http.post(
            self.server.public_director,
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {self.key}", **named, **headers},
        )

    def at(self, tenant: str | None = None, *, key: str | None = None) -> "Director":
        """The same connection with another tenant, and perhaps another key."""
        return replace(self, tenant=tenant, key=key or self.key)

    def enter(self, tenant: str) -> "Director":
        """Create the tenant, and go there."""
        document = "mutation ($id: ID!) { result: createTenant(in: {externalID: $id}) { id } }"
        assert self.ask(document, {"id": tenant}) == {"id": tenant}
        return self.at(tenant)

    def register(self, name: str, kind: str = "Application", **given: Any) -> str:
        """Register one: its id."""
        document = REGISTER.format(kind=kind, type=INPUTS[kind], fields="id")
        return str(self.ask(document, {"in": {"name": name, **given}})["id"])

    def token(self, id: str, kind: str = "Application", *, auth: str | None = None, **terms: Any) -> str:
        """A one-time token's secret."""
        document = REQUEST.format(kind=kind, fields="token")
        return str(self.ask(document, {"id": id, "auth": auth, "terms": terms or None})["token"])

    def auths(self, id: str, kind: str = "application") -> list[str]:
        """The ids of its system auths."""
        document = f"query ($id: ID!) {{ result: {kind}(id: $id) {{ auths {{ id }} }} }}"
        return [auth["id"] for auth in self.ask(document, {"id": id})["auths"]]

    def open_tokens(self, id: str) -> int:
        """How many of its tokens can be redeemed."""
        return int(self.ask(OPEN, {"id": id})["totalCount"])

    def enroll(self, id: str, directory: Path, kind: str = "Application") -> Identity:
        """A certificate for it, under a new system auth."""
        return self.server.enroll(self.token(id, kind), directory)

    def events(self, **which: str) -> list[tuple[str, str | None]]:
        """The action and the reason of each audit event that points there."""
        where = " AND ".join(f"{column} = ?" for column in which)
        with driver.connect(f"file:{self.server.data / 'connector.db'}?mode=ro", uri=True) as connection:
            statement = f"SELECT action, reason FROM audit_events WHERE {where} ORDER BY id"  # noqa: S608 - columns
            rows: list[tuple[str, str | None]] = connection.execute(statement, list(which.values())).fetchall()
        connection.close()
        return rows


@contextmanager
def director(server: Server, tenant: str) -> Iterator[Director]:
    """The first administrator, in a new tenant."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.root.decode())
    key = (server.data / "admin.key").read_text().strip()
    with httpx2.Client(verify=context, timeout=30) as http:
        yield Director(server, http, key, None).enter(tenant)
