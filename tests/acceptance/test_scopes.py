"""Who may ask for what: every operation of both APIs, by everybody who can call.

What is expected stands in this file, written out by hand: a field that is not listed here fails.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import pysqlite3.dbapi2 as sqlite
import pytest
from tests.support.ca import CA
from tests.support.clients import access_of
from tests.support.registrars import Registrars, registrar, role_rule, settings
from tests.support.schemas import Operation, connected, crowd, operations, rows
from tests.support.server import Identity, Server, encoded

from connector.client import make_csr, make_key

# The least role, the scope, and the fields for which they are needed.
EXPECTED = """
viewer         application:read          application applications labelDefinitions
viewer         runtime:read              runtime runtimes
viewer         integration_system:read   integrationSystem integrationSystems tenantPermissions
viewer         one_time_token:read       oneTimeToken oneTimeTokens
viewer         certificate:read          certificate certificates
viewer         audit:read                auditEvents installationAuditEvents
viewer         tenant:read               tenants tenantByExternalID tenantByInternalID
operator       application:write         registerApplication updateApplication unregisterApplication unpairApplication
operator       application:write         setApplicationLabel deleteApplicationLabel
operator       application:write         setDefaultEventingForApplication deleteDefaultEventingForApplication
operator       application:write         requestOneTimeTokenForApplication deleteSystemAuthForApplication
operator       runtime:write             registerRuntime updateRuntime unregisterRuntime setRuntimeLabel
operator       runtime:write             deleteRuntimeLabel requestOneTimeTokenForRuntime deleteSystemAuthForRuntime
operator       integration_system:write  registerIntegrationSystem updateIntegrationSystem
operator       integration_system:write  unregisterIntegrationSystem deleteSystemAuthForIntegrationSystem
operator       integration_system:write  setIntegrationSystemLabel deleteIntegrationSystemLabel
viewer         application:read          applicationsForRuntime
viewer         formation:read            formation formationByName formations formationsForObject
operator       formation:write           createFormation deleteFormation assignFormation unassignFormation
operator       application:write         requestClientCredentialsForApplication
operator       runtime:write             requestClientCredentialsForRuntime
operator       integration_system:write  requestClientCredentialsForIntegrationSystem
operator       one_time_token:write      withdrawOneTimeToken
operator       certificate:write         revokeCertificate revokeCertificatesOfSystemAuth
operator       certificate:write         revokeCertificatesOfApplication revokeCertificatesOfRuntime
administrator  tenant:write              revokeCertificatesOfTenant createTenant renameTenant
administrator  tenant:write              setTenantCertificateProfile
administrator  tenant:write              permitIntegrationSystem withdrawTenantPermission
administrator  api_key:read              apiKeys
administrator  api_key:write             createAPIKey revokeAPIKey
"""
ROLES = ("viewer", "operator", "administrator")
KNOWN = {"viewer"}
# A runtime's holder may ask for its own; another's is answered as one that does not exist.
SEEN_BY_RUNTIME = "applicationsForRuntime"
# What an integration system's access token may ask for in its tenant.
SYSTEMS_MAY = {
    "application:read",
    "application:write",
    "runtime:read",
    "runtime:write",
    "integration_system:read",
    "formation:read",
    "formation:write",
    "one_time_token:read",
    "one_time_token:write",
}
HOLDERS_MAY = {"viewer", "application", "runtime"}
CONNECTOR = {"configuration", "signCertificateSigningRequest", "revokeCertificate"}
# Whoever calls this is nobody yet: the proof in its arguments counts, and no header does.
PROVING = "renewExpiredCertificate"
# Whoever may, is refused for these alone: the ids in the requests never existed, the names are empty.
HARMLESS = {"not_found", "invalid_data"}
NOT_WRITTEN = {"name": "", "externalID": ""}
MAKE_KEY = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret apiKey { id } } }"
REQUEST = """mutation ($id: ID!, $terms: OneTimeTokenTerms) {
    result: requestOneTimeTokenFor%s(id: $id, terms: $terms) { token }
}"""


def expected() -> Iterator[tuple[str, str, str]]:
    """Each field with its least role and its scope."""
    for line in EXPECTED.strip().splitlines():
        role, scope, *names = line.split()
        yield from ((name, role, scope) for name in names)


class Denied(NamedTuple):
    """How a request was refused."""

    error: str
    error_code: int
    message: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, and everybody who can call it."""

    server: Server
    http: httpx2.Client
    keys: Mapping[str, str]
    tokens: Mapping[str, str]
    owners: Mapping[str, str]
    holders: Mapping[str, Identity]
    access: Mapping[str, str]
    registrars: Registrars

    def ask(
        self, client: httpx2.Client, url: str, operation: Operation, headers: Mapping[str, str], **others: Any
    ) -> tuple[Any, Denied | None]:
        """What the operation answers, and how it was refused."""
        given = {"id": str(uuid4()), **NOT_WRITTEN, **others}
        if operation.name == SEEN_BY_RUNTIME:
            given["runtimeID"] = given["id"]
        body = {"query": operation.document, "variables": operation.variables({}, given)}
        answer = client.post(url, json=body, headers={"Tenant": "default", **headers})
        assert answer.status_code == 200, answer.text
        content = answer.json()
        if "errors" not in content:
            return content["data"][operation.name], None
        (error,) = content["errors"]
        assert not (content["data"] or {}).get(operation.name)
        return None, Denied(error["extensions"]["error"], error["extensions"]["error_code"], error["message"])

    def by_key(self, operation: Operation, text: str) -> Denied | None:
        """How the Director refuses who shows this text as an API key."""
        return self.ask(self.http, self.server.public_director, operation, {"Authorization": f"Bearer {text}"})[1]

    def by_certificate(self, operation: Operation, client: httpx2.Client) -> Denied | None:
        """How the Director refuses who comes to the public listener with the client's certificate."""
        return self.ask(client, self.server.public_director, operation, {})[1]

    def by_token(self, operation: Operation, text: str) -> Denied | None:
        """How the Connector API refuses who shows this text as a one-time token."""
        headers = {"Connector-Token": text}
        return self.ask(self.http, self.server.public_connector, operation, headers, csr="no CSR")[1]

    def mint(self, kind: str, owner: str, lifetime: int = 300) -> str:
        """A one-time token for the owner."""
        variables = {"id": owner, "terms": {"lifetimeSeconds": lifetime}}
        return str(self.server.administer(REQUEST % kind, variables)["token"])


def make_keys(server: Server) -> dict[str, str]:
    """A key for every tenant of each role, and two that are good no more."""
    made = {}
    for name in (*ROLES, "revoked", "expired"):
        given = {"name": name, "role": name if name in ROLES else "administrator"}
        if name == "expired":
            given["lifetimeSeconds"] = 1
        made[name] = server.administer(MAKE_KEY, {"in": given})
    revoked = made["revoked"]["apiKey"]["id"]
    server.administer(f'mutation {{ result: revokeAPIKey(id: "{revoked}") {{ id }} }}')
    return {name: each["secret"] for name, each in made.items()}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The server and everybody; what has to expire has."""
    directory = tmp_path_factory.mktemp("scopes")
    registrars = Registrars(CA.make("Registrars"), directory)
    rules = settings(registrars, *map(role_rule, ROLES))
    with Server(directory / "data", rules) as server, connected(server) as http:
        made = Stage(server, http, make_keys(server), {}, {}, {}, {}, registrars)
        tokens, owners, holders = {}, {}, {}
        for kind in ("Application", "Runtime"):
            form = f'mutation {{ result: register{kind}(in: {{name: "one"}}) {{ id }} }}'
            owners[kind] = server.administer(form)["id"]
            tokens[f"spent {kind}"] = made.mint(kind, owners[kind])
            holders[kind] = server.enroll(tokens[f"spent {kind}"], directory / kind)
            tokens[f"expired {kind}"] = made.mint(kind, owners[kind], lifetime=1)
            tokens[f"withdrawn {kind}"] = made.mint(kind, owners[kind])
            newest = server.administer("{ result: oneTimeTokens(first: 1) { data { id } } }")["data"][0]["id"]
            server.administer(f'mutation {{ result: withdrawOneTimeToken(id: "{newest}") {{ id }} }}')
        form = 'mutation { result: registerIntegrationSystem(in: {name: "one"}) { id } }'
        owners["IntegrationSystem"] = server.administer(form)["id"]
        access = {kind: access_of(http, server, owner, kind) for kind, owner in owners.items()}
        time.sleep(1.1)
        yield Stage(server, http, made.keys, tokens, owners, holders, access, registrars)


@pytest.fixture(scope="module")
def director() -> list[Operation]:
    return list(operations("director"))


def test_every_operation_is_listed(director: list[Operation]) -> None:
    """The table in this file holds every root field of both APIs, each once: a new one is not served unlisted."""
    listed = sorted([*KNOWN, *(name for name, _, _ in expected())])
    assert listed == sorted(operation.name for operation in director)
    assert {operation.name for operation in operations("connector")} == CONNECTOR | {PROVING}


@pytest.mark.parametrize("way", ["key", "certificate"])
@pytest.mark.parametrize("role", ROLES)
def test_roles(stage: Stage, director: list[Operation], role: str, way: str) -> None:
    """A key of each role, or a certificate of another CA to which a rule gives it, may do what the table gives to the
    role or to a lesser one; else 23 names the scope; no change.
    """
    table = {name: (least, scope) for name, least, scope in expected()}
    before = rows(stage.server)
    client = connected(stage.server, stage.registrars.client(registrar(role)))
    for operation in director:
        by_key = way == "key"
        denied = stage.by_key(operation, stage.keys[role]) if by_key else stage.by_certificate(operation, client)
        least, scope = table.get(operation.name, ("viewer", ""))
        if ROLES.index(role) >= ROLES.index(least):
            assert denied is None or denied.error in HARMLESS, operation.name
        else:
            assert denied is not None, operation.name
            assert denied[:2] == ("insufficient_scopes", 23), operation.name
            assert f": {scope} is required" in denied.message, operation.name
    client.close()
    assert rows(stage.server) == before


def test_certificate_without_a_rule(stage: Stage, director: list[Operation]) -> None:
    """Who has a certificate of the CA of administrators to which no rule applies may ask for nothing: 26."""
    before = rows(stage.server)
    with connected(stage.server, stage.registrars.client(registrar("nobody"))) as client:
        for operation in director:
            denied = stage.by_certificate(operation, client)
            assert denied is not None, operation.name
            assert denied[:2] == ("admin_certificate_refused", 26), operation.name
    assert rows(stage.server) == before


def test_nobody_we_know(stage: Stage, director: list[Operation]) -> None:
    """Without a credential, with a wrong, expired or revoked key, a JWT where no issuer is set, or any one-time
    token, the Director answers nothing: 26, and nothing changes.
    """
    first = (stage.server.data / "admin.key").read_text().strip()
    texts = {
        "connector-key-" + "x" * 43: "key_unknown",
        first[:-1]: "key_unknown",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.": "jwt_refused",
        stage.keys["expired"]: "key_expired",
        stage.keys["revoked"]: "key_revoked",
        "connector-access-" + "x" * 43: "access_token_unknown",
        stage.mint("Application", stage.owners["Application"]): "key_unknown",
        stage.mint("Runtime", stage.owners["Runtime"]): "key_unknown",
        **dict.fromkeys(stage.tokens.values(), "key_unknown"),
    }
    none = [{}, {"Authorization": "Basic eDp5"}, *({"Connector-Token": text} for text in (first, *texts))]
    before = rows(stage.server)
    shown = [(headers, "credential_missing") for headers in none]
    shown += [({"Authorization": f"Bearer {text}"}, error) for text, error in texts.items()]
    with crowd(stage.server) as strangers:
        for operation in director:
            for headers, error in shown:
                denied = stage.ask(next(strangers), stage.server.public_director, operation, headers)[1]
                assert denied is not None, operation.name
                assert denied[:2] == (error, 26), operation.name
    assert rows(stage.server) == before


@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_holders(stage: Stage, director: list[Operation], kind: str) -> None:
    """The holder of a certificate may ask who it is and for itself, and a runtime's for its applications; another's is
    null or not found; everything else is 23, even with an administrator's key in addition to the certificate.
    """
    other = stage.owners["Runtime" if kind == "Application" else "Application"]
    scopes = {name: scope for name, _, scope in expected()}
    before = rows(stage.server)
    with connected(stage.server, stage.holders[kind]) as client:
        for headers in ({}, {"Authorization": f"Bearer {stage.keys['administrator']}"}):
            for operation in director:
                for asked in (stage.owners[kind], other, str(uuid4())):
                    told, denied = stage.ask(client, stage.server.mtls_director, operation, headers, id=asked)
                    if operation.name == SEEN_BY_RUNTIME:
                        is_own = (kind, asked) == ("Runtime", stage.owners["Runtime"])
                        assert (told is not None) is is_own
                        assert is_own or (denied is not None and denied.error == "not_found")
                        continue
                    if operation.name not in HOLDERS_MAY:
                        assert denied is not None, operation.name
                        assert denied[:2] == ("insufficient_scopes", 23), operation.name
                        assert f": {scopes[operation.name]} is required" in denied.message, operation.name
                        continue
                    assert denied is None, operation.name
                    is_own = operation.name == "viewer" or (operation.name, asked) == (kind.lower(), stage.owners[kind])
                    assert (told and told["id"]) == (stage.owners[kind] if is_own else None)
    assert rows(stage.server) == before


def test_integration_systems(stage: Stage, director: list[Operation]) -> None:
    """The access token of an integration system may do what its scopes say; else 23 names the scope; no change."""
    table, before = {name: scope for name, _, scope in expected()}, rows(stage.server)
    for operation in director:
        denied = stage.by_key(operation, stage.access["IntegrationSystem"])
        scope = table.get(operation.name, "")
        if operation.name in KNOWN or scope in SYSTEMS_MAY:
            assert denied is None or denied.error in HARMLESS, operation.name
        else:
            assert denied is not None, operation.name
            assert denied[:2] == ("insufficient_scopes", 23), operation.name
            assert f": {scope} is required" in denied.message, operation.name
    assert rows(stage.server) == before


@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_clients_that_act_for_themselves(stage: Stage, director: list[Operation], kind: str) -> None:
    """With an access token an application or runtime may do what the holder of its certificate may, and no more."""
    other = stage.owners["Runtime" if kind == "Application" else "Application"]
    scopes, before = {name: scope for name, _, scope in expected()}, rows(stage.server)
    may = HOLDERS_MAY - {"runtime" if kind == "Application" else "application"}
    headers = {"Authorization": f"Bearer {stage.access[kind]}"}
    for operation in director:
        for asked in (stage.owners[kind], other, str(uuid4())):
            told, denied = stage.ask(stage.http, stage.server.public_director, operation, headers, id=asked)
            is_own = asked == stage.owners[kind]
            if operation.name == SEEN_BY_RUNTIME:
                assert (told is not None) is (is_own and kind == "Runtime")
                assert told is not None or (denied is not None and denied.error == "not_found")
            elif (operation.name, kind) == ("application", "Runtime"):
                assert (told, denied) == (None, None)
            elif operation.name in may:
                assert denied is None, operation.name
                assert (told and told["id"]) == (stage.owners[kind] if is_own or operation.name == "viewer" else None)
            else:
                assert denied is not None, operation.name
                assert denied[:2] == ("insufficient_scopes", 23), operation.name
                assert f"{scopes[operation.name]} is required" in denied.message, operation.name
    assert rows(stage.server) == before


@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_tokens(stage: Stage, kind: str) -> None:
    """On the Connector API a good one-time token may configure and sign, and not revoke; one that is good no more, a
    key, and nothing at all may do nothing, and nothing is issued.
    """
    states = {
        stage.tokens[f"spent {kind}"]: "token_spent",
        stage.tokens[f"expired {kind}"]: "token_expired",
        stage.tokens[f"withdrawn {kind}"]: "token_withdrawn",
        "x" * 86 + "==": "token_unknown",
        stage.keys["administrator"]: "token_unknown",
    }
    before = rows(stage.server, "audit_events", "tokens")
    for operation in by_credential():
        needs_certificate = operation.name == "revokeCertificate"
        for text, error in states.items():
            denied = stage.by_token(operation, text)
            assert denied is not None, operation.name
            assert denied[:2] == ("credential_missing" if needs_certificate else error, 26), operation.name
        for headers in ({}, {"Authorization": f"Bearer {stage.keys['administrator']}"}):
            denied = stage.ask(stage.http, stage.server.public_connector, operation, headers, csr="no CSR")[1]
            assert denied is not None, operation.name
            assert denied[:2] == ("credential_missing", 26), operation.name

        denied = stage.by_token(operation, stage.mint(kind, stage.owners[kind]))
        answers = {"configuration": None, "signCertificateSigningRequest": "csr_not_base64"}
        assert (denied and denied.error) == answers.get(operation.name, "credential_missing")
    after = rows(stage.server, "audit_events", "tokens")
    # Only the tokens that were minted for this have new system auths.
    assert {name: each for name, each in after.items() if name != "system_auths"} == {
        name: each for name, each in before.items() if name != "system_auths"
    }


@pytest.mark.parametrize("end", ["revoked", "expired"])
@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_certificates_end(stage: Stage, director: list[Operation], tmp_path: Path, kind: str, end: str) -> None:
    """A good certificate may configure, sign and revoke itself; once revoked or expired it may do nothing at all:
    26, and nothing changes.
    """
    server = stage.server
    identity = server.enroll(stage.mint(kind, stage.owners[kind]), tmp_path)
    csr = encoded(make_csr(make_key(), identity.subject))
    connector = sorted(by_credential(), key=lambda each: each.name == "revokeCertificate")
    with connected(server, identity) as client:
        for operation in connector:
            if end == "revoked" or operation.name != "revokeCertificate":
                assert stage.ask(client, server.mtls_connector, operation, {}, csr=csr)[1] is None, operation.name
        if end == "expired":
            expire(server, identity)
        before = rows(server)
        for url, each in ((server.mtls_connector, connector), (server.mtls_director, director)):
            for operation in each:
                denied = stage.ask(client, url, operation, {}, csr=csr)[1]
                assert denied is not None, operation.name
                assert denied[:2] == (f"certificate_{end}", 26), operation.name
        assert rows(server) == before


def by_credential() -> Iterator[Operation]:
    """The operations of the Connector API that ask who calls."""
    return (operation for operation in operations("connector") if operation.name != PROVING)


def test_a_renewal_by_proof_asks_for_the_proof_alone(stage: Stage) -> None:
    """Whoever calls, with whatever credential, a fingerprint that is nobody's gets nothing: 26, and nothing changes."""
    (operation,) = (operation for operation in operations("connector") if operation.name == PROVING)
    arguments = {"certificate": "0" * 64, "csr": "no CSR", "proof": "no proof"}
    before = rows(stage.server)
    for headers in (
        {},
        {"Authorization": f"Bearer {stage.keys['administrator']}"},
        {"Connector-Token": stage.tokens["spent Application"]},
    ):
        denied = stage.ask(stage.http, stage.server.public_connector, operation, headers, **arguments)[1]
        assert denied is not None
        assert denied[:2] == ("certificate_unknown", 26)
    assert rows(stage.server) == before


def expire(server: Server, identity: Identity) -> None:
    """Move the end of the recorded validity into the past.

    The handshake would refuse a certificate whose own end has come (test_hostile_certificates.py); this is the check
    that stands behind it, at which a connection that was made before arrives.
    """
    auth = identity.subject.rpartition("CN=")[2]
    with closing(sqlite.connect(server.data / "connector.db")) as connection, connection:
        connection.execute("UPDATE certificates SET not_after = 1 WHERE system_auth_id = ?", (auth,))


def test_without_a_certificate_there_is_no_mutual_tls(stage: Stage, director: list[Operation]) -> None:
    """On the mutual-TLS listener who has no certificate gets no answer, whatever else they show."""
    for headers in ({}, {"Authorization": f"Bearer {stage.keys['administrator']}"}):
        for operation in (director[0], *by_credential()):
            for url in (stage.server.mtls_director, stage.server.mtls_connector):
                with connected(stage.server) as client, pytest.raises(httpx2.HTTPError):
                    stage.ask(client, url, operation, headers)
