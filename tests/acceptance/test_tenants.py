"""Two tenants: whatever the one tries with the other's ids is answered as if these had never existed."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path as File
from secrets import token_hex, token_urlsafe
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from tests.support.clients import access_of
from tests.support.schemas import Operation, Path, connected, crowd, operations, rows
from tests.support.server import Identity, Server, encoded

from connector.client import make_csr, make_key

LEAST_TRIES = 14000
# For a caller for every tenant, these are about tenants, keys and permissions themselves, of which it may see all.
ABOVE_TENANTS = {
    "tenants",
    "tenantByExternalID",
    "tenantByInternalID",
    "apiKeys",
    "createTenant",
    "createAPIKey",
    "revokeAPIKey",
    "tenantPermissions",
    "installationAuditEvents",
    "permitIntegrationSystem",
    "withdrawTenantPermission",
}
# Mutations that take nothing which another tenant could have made.
NAME_NOTHING = {
    "registerRuntime",
    "registerIntegrationSystem",
    "createFormation",
    "setTenantCertificateProfile",
    "renameTenant",
}
KINDS = {"Application": "id", "Runtime": "runtimeID", "IntegrationSystem": "integrationSystemID"}
ROLES = ("viewer", "operator", "administrator")
LISTS = {
    "applications": ("id",),
    "runtimes": ("id",),
    "integrationSystems": ("id",),
    "oneTimeTokens": ("id", "systemAuthID"),
    "formations": ("id", "name"),
    "certificates": ("serial", "fingerprint"),
    "tenants": ("id", "internalID"),
    "apiKeys": ("id",),
}
REGISTER = "mutation ($in: %sInput!) { result: register%s(in: $in) { id } }"
REQUEST = "mutation ($id: ID!) { result: requestOneTimeTokenFor%s(id: $id) { token } }"
LABEL = 'mutation ($id: ID!) { result: set%sLabel(%sID: $id, key: "%s", value: "%s") { key } }'
ASSIGN = """mutation {
    result: assignFormation(objectID: "%s", objectType: %s, formation: {name: "%s"}) { id }
}"""
CLIENTS = '{ result: integrationSystem(id: "%s") { auths { id } } }'
KEY = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret } }"


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant with one of everything. ``own`` holds ids by the names of arguments."""

    tenant: str
    ids: frozenset[str]
    own: Mapping[str, str]
    keys: Mapping[str, str]
    holders: tuple[Identity, ...]
    token: str
    access: Mapping[str, str]


def furnish(server: Server, tenant: str, directory: File) -> Party:
    """Make everything that a tenant can have."""
    tell, own, holders, token = server.administer, {}, [], ""
    tell(f'mutation {{ result: createTenant(in: {{externalID: "{tenant}"}}) {{ id }} }}')
    for kind, argument in KINDS.items():
        is_system = kind == "IntegrationSystem"
        given = {"in": {"name": f"only-{tenant}"}}
        own[argument] = tell(REGISTER % (kind if is_system else f"{kind}Register", kind), given, tenant)["id"]
        for key in ("one", "two"):
            label = LABEL % (kind, kind[0].lower() + kind[1:], key, f"label-{tenant}")
            tell(label, {"id": own[argument]}, tenant)
        if not is_system:
            used, token = (tell(REQUEST % kind, {"id": own[argument]}, tenant)["token"] for _ in range(2))
            holders.append(server.enroll(used, directory / f"{tenant}-{kind}"))
    tell(f'mutation {{ result: createFormation(formation: {{name: "group-{tenant}"}}) {{ id }} }}', None, tenant)
    for kind, object_id in (("APPLICATION", own["id"]), ("RUNTIME", own["runtimeID"])):
        tell(ASSIGN % (object_id, kind, f"group-{tenant}"), None, tenant)
    keys = {
        role: tell(KEY, {"in": {"name": f"{role}-{tenant}", "role": role, "tenant": tenant}})["secret"]
        for role in ROLES
    }
    with connected(server) as http:
        access = {
            kind: access_of(http, server, own[KINDS[kind]], kind, tenant) for kind in ("Runtime", "IntegrationSystem")
        }
    auths = tell(CLIENTS % own["integrationSystemID"], None, tenant)["auths"]
    ids = frozenset(
        {
            tenant,
            *(auth["id"] for auth in auths),
            f"only-{tenant}",
            *own.values(),
            *listed(server, tenant, keys["administrator"]),
        }
    )
    own |= {"objectID": own["id"], "name": f"group-{tenant}"}
    own |= {"appID": own["id"], "applicationID": own["id"], "authID": holders[0].subject.rpartition("CN=")[2]}
    return Party(tenant, ids, own, keys, tuple(holders), token, access)


def listed(server: Server, tenant: str, key: str) -> Iterator[str]:
    """All by which something can be named that the tenant's administrator sees in the lists, and the cursors."""
    headers = {"Authorization": f"Bearer {key}", "Tenant": tenant}
    with server.anonymous() as client:
        for field, names in LISTS.items():
            document = f"{{ result: {field} {{ data {{ {' '.join(names)} }} }} }}"
            found = client.query(server.public_director, document, headers=headers)
            assert found["data"], field
            if len(found["data"]) > 1:  # a page that is not the last one has a cursor
                document = f"{{ result: {field}(first: 1) {{ pageInfo {{ endCursor }} }} }}"
                yield client.query(server.public_director, document, headers=headers)["pageInfo"]["endCursor"]
            yield from (each[name] for each in found["data"] for name in names)


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Party, Party]]:
    """A server with two tenants."""
    directory = tmp_path_factory.mktemp("tenants")
    # One caller asks as fast as it can.
    settings = {"CONNECTOR_QUOTAS__REQUESTS_A_SECOND": "100000", "CONNECTOR_QUOTAS__TENANT_REQUESTS_A_SECOND": "100000"}
    with Server(directory / "data", settings=settings) as server:
        yield server, furnish(server, "hither", directory), furnish(server, "yonder", directory)


@dataclass(frozen=True, slots=True)
class Identified:
    """Somebody who tries, with the address and the headers with which they call."""

    name: str
    clients: Iterator[httpx2.Client]
    url: str
    headers: dict[str, str]

    def told(self, document: str, variables: Any, tried: str) -> str:
        """The answer as text, with the id that was tried taken out."""
        body = {"query": document, "variables": variables}
        told = next(self.clients).post(self.url, json=body, headers=self.headers)
        assert told.status_code == 200, told.text
        return json.dumps(told.json(), sort_keys=True).replace(json.dumps(tried)[1:-1], "(tried)")


def callers(server: Server, here: Party, elsewhere: Party) -> Iterator[Identified]:
    """Everybody who may be in the first tenant, nobody, and who has a one-time token of the second."""
    first = (server.data / "admin.key").read_text().strip()
    bearers = {**here.keys, "first": first}
    headers = {"Tenant": here.tenant}
    with crowd(server) as strangers:
        yield Identified("anonymous", strangers, server.public_director, headers)
        strange = {**headers, "Connector-Token": elsewhere.token, "Authorization": f"Bearer {elsewhere.token}"}
        yield Identified("one-time token", strangers, server.public_director, strange)
    with connected(server) as client:
        clients = {f"client of {kind}": token for kind, token in here.access.items()}
        for name, key in (bearers | clients).items():
            bearing = {**headers, "Authorization": f"Bearer {key}"}
            yield Identified(name, repeat(client), server.public_director, bearing)
    for name, identity in zip(("application", "runtime"), here.holders, strict=True):
        with connected(server, identity) as client:
            yield Identified(name, repeat(client), server.mtls_director, {})


def shape(tried: str) -> str:
    """What an id looks like: a UUID, or so many hexadecimal digits or other characters."""
    try:
        UUID(tried)
    except ValueError:
        kind = "hexadecimal" if set(tried) <= set("0123456789abcdef") else "text"
        return f"{kind} {len(tried)}"
    return "UUID"


def nobodys(tried: str) -> str:
    """An id of the same shape that never existed."""
    match shape(tried).split():
        case ["UUID"]:
            return str(uuid4())
        case ["hexadecimal", _]:
            return token_hex(20)[: len(tried)]
        case _:
            return token_urlsafe(len(tried))[: len(tried)]


def places(operation: Operation, caller: str) -> Iterator[tuple[Path, ...]]:
    """The places to fill with one id: each alone, and all together."""
    slots = tuple(slot for slot in operation.slots if (caller, slot[-1]) != ("first", "tenant"))
    yield from ((slot,) for slot in slots)
    if len(slots) > 1:
        yield slots


def hurt(told: str, elsewhere: Party, tried: str) -> list[str]:
    """What an answer tells of the other tenant that was not said in the request."""
    hidden = elsewhere.ids | {f"label-{elsewhere.tenant}", *(f"{role}-{elsewhere.tenant}" for role in ROLES)}
    return [each for each in hidden - {tried} if each in told]


def test_anothers_ids_are_as_those_that_never_were(parties: tuple[Server, Party, Party]) -> None:
    """Every operation, at every place that names something, by everybody in the one tenant, with every id of the other:
    the same answer as for an id that never existed, nothing of the other in it, and nothing changed.
    """
    server, here, elsewhere = parties
    before = rows(server)
    fields = list(operations("director"))
    assert {each.name for each in fields if each.kind == "mutation" and not each.slots} == NAME_NOTHING
    tries, pairs = 0, 0
    for caller in callers(server, here, elsewhere):
        for operation in fields:
            if caller.name == "first" and operation.name in ABOVE_TENANTS:
                continue
            pairs += 1
            for slots in places(operation, caller.name):
                answers = dict[str, str]()  # for ids that never existed, by their shape
                for tried in sorted(elsewhere.ids):
                    never, filled = nobodys(tried), f"{operation.name} {slots} by {caller.name}"
                    given, other = (
                        operation.variables(dict.fromkeys(slots, each), here.own) for each in (tried, never)
                    )
                    told = caller.told(operation.document, given, tried)
                    if shape(tried) not in answers:
                        answers[shape(tried)] = caller.told(operation.document, other, never)
                    assert told == answers[shape(tried)], filled
                    assert not hurt(told, elsewhere, tried), filled
                    tries += 1
    sys.stdout.write(f"{tries} tries over {pairs} pairs of an operation and a caller\n")
    assert tries >= LEAST_TRIES
    assert rows(server) == before


def test_lists_hold_ones_own_alone(parties: tuple[Server, Party, Party]) -> None:
    """Every query with nothing but the caller's own ids tells nothing of the other tenant, and the reader of a tenant
    is told something, so that the documents of these tests do read.
    """
    server, here, elsewhere = parties
    for caller in callers(server, here, elsewhere):
        for operation in operations("director"):
            if operation.kind == "mutation" or (caller.name == "first" and operation.name in ABOVE_TENANTS):
                continue
            argument = operation.name if operation.name in ("runtime", "integrationSystem") else ""
            own = {**here.own, "id": here.own.get(f"{argument}ID", here.own["id"])}
            told = caller.told(operation.document, operation.variables({}, own), "(none)")
            assert not hurt(told, elsewhere, ""), f"{operation.name} by {caller.name}"
            reads = {"applications", "runtimes", "application", "runtime", "integrationSystem", "certificates"}
            if caller.name in ROLES and operation.name in reads:
                assert f"only-{here.tenant}" in told, operation.name


def test_the_header_names_only_ones_own(parties: tuple[Server, Party, Party]) -> None:
    """Another's tenant and one that there is not are refused alike (26); none is 24; who may enter all is told (25)."""
    server, here, elsewhere = parties
    first = (server.data / "admin.key").read_text().strip()

    def code(client: httpx2.Client, url: str, field: Operation, tenant: str | None, key: str = "") -> tuple[int, str]:
        headers = ({"Authorization": f"Bearer {key}"} if key else {}) | ({"Tenant": tenant} if tenant else {})
        body = {"query": field.document, "variables": field.variables({}, here.own)}
        (error,) = client.post(url, json=body, headers=headers).json()["errors"]
        return error["extensions"]["error_code"], error["message"]

    fields = [each for each in operations("director") if each.name not in ABOVE_TENANTS | {"viewer"}]
    with connected(server) as client, connected(server, here.holders[0]) as holder:
        for field in fields:
            for key in (here.keys["administrator"], first):
                # Clients of Compass delete this one without a tenant; here it is not that of an integration system.
                without = 20 if field.name == "deleteSystemAuthForIntegrationSystem" else 24
                assert code(client, server.public_director, field, None, key)[0] == without, field.name
            own = here.keys["administrator"]
            foreign = code(client, server.public_director, field, elsewhere.tenant, own)
            assert foreign == code(client, server.public_director, field, "nowhere", own), field.name
            assert foreign[0] == 26, field.name
            assert code(client, server.public_director, field, "nowhere", first)[0] == 25, field.name
            if field.name in ("application", "runtime"):
                foreign = code(holder, server.mtls_director, field, elsewhere.tenant)
                assert foreign == code(holder, server.mtls_director, field, "nowhere")
                assert foreign[0] == 26


def test_anothers_name_is_not_signed(parties: tuple[Server, Party, Party]) -> None:
    """On the Connector API a CSR under another tenant's system auth is refused as one under none that ever was."""
    server, here, elsewhere = parties
    key = make_key()
    fields = {each.name: each for each in operations("connector")}
    # This one names a certificate, and obeys the key of that certificate alone (tests/unit/usecases/test_steps.py).
    assert [each.name for each in fields.values() if each.slots] == ["renewExpiredCertificate"]
    subject = here.holders[0].subject.rpartition("CN=")[0]
    before = rows(server, "audit_events", "tokens")

    with connected(server) as bearer, connected(server, here.holders[0]) as holder:
        for client, url, headers, other in (
            (bearer, server.public_connector, {"Connector-Token": here.token}, elsewhere),
            (bearer, server.public_connector, {"Connector-Token": elsewhere.token}, here),
            (holder, server.mtls_connector, {}, elsewhere),
        ):
            caller = Identified("", repeat(client), url, headers)
            refused, never = (
                caller.told(
                    fields["signCertificateSigningRequest"].document,
                    {"csr": encoded(make_csr(key, f"{subject}CN={name}"))},
                    name,
                )
                for name in (other.own["authID"], str(uuid4()))
            )
            assert "csr_subject_mismatch" in refused
            assert refused == never
    assert rows(server, "audit_events", "tokens") == before
