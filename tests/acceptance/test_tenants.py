"""Two tenants: whatever the one tries with the other's ids is answered as if these had never existed."""

import json
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pysqlite3.dbapi2 as sqlite
import pytest
from tests.support.schemas import Operation, Path, operations
from tests.support.server import Identity, Server, encoded

from connector.client import make_csr, make_key

LEAST_TRIES = 9000
# For a caller for every tenant, these are about tenants and keys themselves, of which it may see all.
ABOVE_TENANTS = {
    "tenants",
    "tenantByExternalID",
    "tenantByInternalID",
    "apiKeys",
    "createTenant",
    "createAPIKey",
    "revokeAPIKey",
}
KINDS = {"Application": "id", "Runtime": "runtimeID", "IntegrationSystem": "integrationSystemID"}


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant with one of everything. ``own`` holds ids by the names of arguments."""

    tenant: str
    ids: frozenset[str]
    own: Mapping[str, str]
    keys: Mapping[str, str]
    holders: tuple[Identity, Identity]
    token: str


def furnish(server: Server, tenant: str, directory: Any) -> Party:
    """Make everything that a tenant can have."""
    tell = server.administer
    create = "mutation ($id: ID!) { result: createTenant(in: {externalID: $id}) { internalID } }"
    internal_id = tell(create, {"id": tenant})["internalID"]
    ids, own, holders, tokens = {tenant, internal_id}, {}, [], []
    registered = "mutation ($in: %sInput!) { result: register%s(in: $in) { id } }"
    for kind, argument in KINDS.items():
        form = registered % (kind if kind == "IntegrationSystem" else f"{kind}Register", kind)
        own[argument] = tell(form, {"in": {"name": f"only-{tenant}"}}, tenant)["id"]
        if kind == "IntegrationSystem":
            continue
        request = f"mutation ($id: ID!) {{ result: requestOneTimeTokenFor{kind}(id: $id) {{ token }} }}"
        token, pending = (tell(request, {"id": own[argument]}, tenant)["token"] for _ in range(2))
        holders.append(server.enroll(token, directory / f"{tenant}-{kind}"))
        tokens.append(pending)
    keys = {}
    for role in ("viewer", "operator", "administrator"):
        form = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret apiKey { id } } }"
        made = tell(form, {"in": {"name": role, "role": role, "tenant": tenant}})
        keys[role] = made["secret"]
        ids.add(made["apiKey"]["id"])
    lists = """{ result: %s { data { %s } pageInfo { endCursor } } }"""
    for field, name in (("oneTimeTokens", "id"), ("certificates", "serial"), ("oneTimeTokens", "systemAuthID")):
        listed = tell(lists % (field, name), tenant=tenant)
        ids |= {each[name] for each in listed["data"]} | {listed["pageInfo"]["endCursor"]}
    for field in ("applications", "runtimes", "integrationSystems"):
        ids.add(tell(lists % (field, "id"), tenant=tenant)["pageInfo"]["endCursor"])
    own |= {"appID": own["id"], "applicationID": own["id"], "authID": holders[0].subject.rpartition("CN=")[2]}
    ids |= set(own.values())
    return Party(tenant, frozenset(ids), own, keys, (holders[0], holders[1]), tokens[0])


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Party, Party]]:
    """A server with two tenants."""
    directory = tmp_path_factory.mktemp("tenants")
    with Server(directory / "data") as server:
        yield server, furnish(server, "here", directory), furnish(server, "elsewhere", directory)


def rows(server: Server, *, without: tuple[str, ...]) -> dict[str, list[Any]]:
    """All that is in the database."""
    with closing(sqlite.connect(f"file:{server.data / 'connector.db'}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - our own names
            for (name,) in tables
            if name not in without
        }


def callers(server: Server, here: Party) -> Iterator[tuple[str, httpx2.Client, str, dict[str, str]]]:
    """Everybody who may be in the first tenant, with the address and the headers with which they call."""
    public, mtls = server.public_director, server.mtls_director
    with connected(server) as client:
        yield "anonymous", client, public, {"Tenant": here.tenant}
        for role, key in here.keys.items():
            yield role, client, public, {"Tenant": here.tenant, "Authorization": f"Bearer {key}"}
        key = (server.data / "admin.key").read_text().strip()
        yield "first", client, public, {"Tenant": here.tenant, "Authorization": f"Bearer {key}"}
    for identity in here.holders:
        with connected(server, identity) as client:
            yield "holder", client, mtls, {}


def connected(server: Server, identity: Identity | None = None) -> httpx2.Client:
    """A client that keeps its connection."""
    context = ssl.create_default_context(cadata=server.root.decode())
    if identity is not None:
        context.load_cert_chain(identity.chain, identity.key)
    return httpx2.Client(verify=context, timeout=30)


def answer(client: httpx2.Client, url: str, headers: dict[str, str], query: str, variables: Any, tried: str) -> str:
    """The answer as text, with the id that was tried taken out."""
    told = client.post(url, json={"query": query, "variables": variables}, headers=headers)
    assert told.status_code < 500, told.text
    return json.dumps(told.json(), sort_keys=True).replace(json.dumps(tried)[1:-1], "(tried)")


def nobody(tried: str) -> str:
    """Something like that which never was."""
    return urlsafe_b64encode(uuid4().bytes * 2).decode() if tried.endswith("=") else str(uuid4())


def attempts(operation: Operation, here: Party, slot: Path, ids: frozenset[str]) -> Iterator[tuple[str, Any, str, Any]]:
    """For each id of the other tenant: it, the variables with it, one that never was, the variables with that."""
    for tried in sorted(ids):
        never = nobody(tried)
        yield (
            tried,
            operation.variables({slot: tried}, here.own),
            never,
            operation.variables({slot: never}, here.own),
        )


def test_anothers_ids_are_as_those_that_never_were(parties: tuple[Server, Party, Party]) -> None:
    """Every operation, at every place that names something, by everybody in the one tenant, with every id of the other:
    the same answer as for an id that never existed, nothing of the other in it, and nothing changed.
    """
    server, here, elsewhere = parties
    before = rows(server, without=("probes",))
    secrets = elsewhere.ids | {f"only-{elsewhere.tenant}"}
    tries = 0
    fields = list(operations("director"))
    for who, client, url, headers in callers(server, here):
        for operation in fields:
            if who == "first" and operation.name in ABOVE_TENANTS:
                continue
            slots = [slot for slot in operation.slots if (who, slot[-1]) != ("first", "tenant")]
            for slot in slots:
                for tried, variables, never, others in attempts(operation, here, slot, elsewhere.ids):
                    told = answer(client, url, headers, operation.document, variables, tried)
                    place = f"{operation.name} {slot} by {who}"
                    assert told == answer(client, url, headers, operation.document, others, never), place
                    assert not [secret for secret in secrets - {tried} if f'"{secret}"' in told], place
                    tries += 1
    assert tries >= LEAST_TRIES
    assert rows(server, without=("probes",)) == before


def test_the_header_names_only_ones_own(parties: tuple[Server, Party, Party]) -> None:
    """Another's tenant and one that there is not are refused alike (26); none is 24; who may enter all is told (25)."""
    server, here, elsewhere = parties

    def code(key: str, tenant: str | None, field: Operation) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {key}", **({"Tenant": tenant} if tenant else {})}
        variables = field.variables({}, here.own)
        told = client.post(
            server.public_director, json={"query": field.document, "variables": variables}, headers=headers
        )
        (error,) = told.json()["errors"]
        return error["extensions"]["error_code"], error["message"]

    first = (server.data / "admin.key").read_text().strip()
    with connected(server) as client:
        for field in operations("director"):
            if field.name in ABOVE_TENANTS | {"viewer"}:
                continue
            for key in (here.keys["administrator"], first):
                assert code(key, None, field)[0] == 24, field.name
            foreign, unknown = (code(here.keys["administrator"], name, field) for name in (elsewhere.tenant, "nobody"))
            assert foreign == unknown, field.name
            assert foreign[0] == 26, field.name
            assert code(first, "nobody", field)[0] == 25, field.name


def test_anothers_name_is_not_signed(parties: tuple[Server, Party, Party]) -> None:
    """On the Connector API a CSR under another tenant's system auth is refused as one under none that ever was."""
    server, here, elsewhere = parties
    other, key = elsewhere.own["authID"], make_key()
    (sign,) = (each for each in operations("connector") if each.name == "signCertificateSigningRequest")
    subject, _, own = here.holders[0].subject.rpartition("CN=")

    def told(client: httpx2.Client, url: str, headers: dict[str, str], name: str) -> str:
        csr = encoded(make_csr(key, f"{subject}CN={name}"))
        return answer(client, url, headers, sign.document, {"csr": csr}, name).replace(own, "(own)")

    with connected(server) as bearer, connected(server, here.holders[0]) as holder:
        for client, url, headers in (
            (bearer, server.public_connector, {"Connector-Token": here.token}),
            (holder, server.mtls_connector, {}),
        ):
            refused = told(client, url, headers, other)
            assert "csr_subject_mismatch" in refused
            assert refused == told(client, url, headers, str(uuid4()))
