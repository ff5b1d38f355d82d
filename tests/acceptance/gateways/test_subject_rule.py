"""The subject rule of the certificate resolver: certificates that are not in the inventory, by their subject."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

import pytest
from tests.support.gateways import ADDRESSES, Answer, Forwarded, Gateway, Headers, enrolled, spoofs, unclear
from tests.support.server import COMMAND, Server, environment

from connector.storage import open_sqlite
from connector.web.gateways.resolvers import CERTIFICATE, TENANT_MAPPING

EMPTY = {"subject": "", "extra": None, "header": None}
CERTIFICATE_DATA, TENANT = b"Certificate-Data", b"Tenant"
SHARED = ["C=DE", "ST=province", "L=locality", "OU=OrgUnit", "O=Org"]
RULE = {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES, "CONNECTOR_GATEWAYS__SUBJECT_RULE": "true"}
MAPPED = {"subject": "CN=registrar,O=Example", "consumer_id": "registrar-1", "consumer_type": "Integration System"}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the rule, and with one mapped subject of another CA."""
    subjects = json.dumps([{**MAPPED, "tenants": ["default"]}])
    with Server(
        tmp_path_factory.mktemp("ruled") / "data", {**RULE, "CONNECTOR_GATEWAYS__SUBJECTS": subjects}
    ) as server:
        server.administer('mutation { result: createTenant(in: {externalID: "acme"}) { id } }')
        yield server


@pytest.fixture
def gateway(ruled: Server) -> Iterator[Gateway]:
    with Gateway(ruled.urls["internal"]) as connection:
        yield connection


def resolve(gateway: Gateway, path: str, session: Any = EMPTY, headers: Headers = ()) -> Answer:
    return gateway.ask(path, headers, json.dumps(session).encode(), "POST")


def subject_of(auth: str) -> str:
    """The subject of a certificate of this system auth, as Envoy writes it."""
    return ",".join([f"CN={auth}", *SHARED])


def xfcc(subject: str, digest: str) -> bytes:
    return f'By=spiffe://example.org/gateway;Hash={digest};Subject="{subject}";URI='.encode()


def resolved(gateway: Gateway, subject: str, digest: str = "") -> Any:
    """The session of the holder of a certificate that nobody here has seen, unless a hash is given."""
    return resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, xfcc(subject, digest or token_hex(32)))]).json


def session_of(auth: str, digest: str, **changes: str) -> Any:
    """The session that the certificate resolver makes of such a certificate."""
    headers = {
        "Client-Id-From-Certificate": auth,
        "Client-Certificate-Hash": digest,
        "Subject-From-Certificate": subject_of(auth),
        "Client-Certificate-Issuer": "connector",
    }
    changed = {**headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return {"subject": "", "extra": {}, "header": {name: [value] for name, value in changed.items()}}


def token_for(server: Server, kind: str, tenant: str = "default") -> tuple[str, str]:
    """A new application or runtime with a system auth: the id of each."""
    register = f'mutation {{ result: register{kind}(in: {{name: "r-{token_hex(8)}"}}) {{ id }} }}'
    owner = server.administer(register, tenant=tenant)["id"]
    server.administer(f'mutation {{ result: requestOneTimeTokenFor{kind}(id: "{owner}") {{ token }} }}', tenant=tenant)
    asked = f'{{ result: {kind.lower()}(id: "{owner}") {{ auths {{ id }} }} }}'
    return owner, server.administer(asked, tenant=tenant)["auths"][0]["id"]


def tenant_in(extra: Any) -> str:
    return str(json.loads(extra["tenant"].replace('\\"', '"'))["externalTenant"])


@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_an_unknown_certificate_is_resolved_by_a_subject_of_ours(ruled: Server, gateway: Gateway, kind: str) -> None:
    """An unknown hash with a subject of the settings' form leads to the system auth in it, and the tenant mapping to
    its owner, as with a certificate of the inventory.
    """
    owner, auth = token_for(ruled, kind)
    digest = token_hex(32)

    session = resolved(gateway, subject_of(auth), digest)

    assert session == session_of(auth, digest)
    extra = resolve(gateway, TENANT_MAPPING, session).json["extra"]
    assert (extra["consumerID"], extra["consumerType"], extra["flow"]) == (owner, kind, "Certificate")
    assert (tenant_in(extra), extra["subject"]) == ("default", subject_of(auth))


def test_the_order_of_the_attributes_is_free(ruled: Server, gateway: Gateway) -> None:
    """Another order of the same six attributes leads to the same holder; the session gets the usual order."""
    _, auth = token_for(ruled, "Application")
    digest = token_hex(32)

    for subject in (",".join([*reversed(SHARED), f"CN={auth}"]), ",".join([*SHARED, f"CN={auth}"])):
        assert resolved(gateway, subject, digest) == session_of(auth, digest)


@pytest.mark.parametrize(
    "subject",
    [
        "CN={0}",
        "CN={0},C=DE,ST=province,L=locality,OU=OrgUnit",
        "CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Other",
        "CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=org",
        "CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,OU=OrgUnit,O=Org",
        "CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,OU=Another,O=Org",
        "CN={0},CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN={0},CN=other,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org,serialNumber=1",
        "CN={0}+OU=OrgUnit,C=DE,ST=province,L=locality,O=Org",
        "CN={0}+UID=1,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN={0}, C=DE, ST=province, L=locality, OU=OrgUnit, O=Org",
        "CN={0} ,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "/O=Org/OU=OrgUnit/L=locality/ST=province/C=DE/CN={0}",
        "2.5.4.3={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "cn={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        r"CN={0}\,C=DE,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        r"CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org\,Inc",
        r"CN=x\,CN={0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        r"CN=\{0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN={1},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN=\u00e4{0},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN=,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "CN=%,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
        "",
    ],
)
def test_another_subject_is_nobodys(ruled: Server, gateway: Gateway, subject: str) -> None:
    """An attribute too many, too few, twice, another value, an escape, two attributes in one relative name, another
    spelling: nobody is resolved, and the tenant mapping does not believe a session that says so.
    """
    _, auth = token_for(ruled, "Application")
    sent = subject.replace("{0}", auth).replace("{1}", auth.upper())

    assert resolved(gateway, sent) == EMPTY
    session = session_of(auth, token_hex(32), Subject_From_Certificate=sent)
    assert resolve(gateway, TENANT_MAPPING, session).json == session


@pytest.mark.parametrize("value", [b"Hash={0}", b"Hash={0};Subject=x", b'Hash={0};Subject="{1}";Subject="{1}"'])
def test_a_subject_that_is_not_there_once_is_nobodys(ruled: Server, gateway: Gateway, value: bytes) -> None:
    """Without a subject nobody is resolved, and two of them are refused."""
    _, auth = token_for(ruled, "Application")
    sent = value.replace(b"{0}", token_hex(32).encode()).replace(b"{1}", subject_of(auth).encode())

    answer = resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, sent)])

    assert (answer.status, answer.json == EMPTY) == ((400, False) if value.count(b"Subject") > 1 else (200, True))


def test_a_common_name_of_nobody_is_nobodys(ruled: Server, gateway: Gateway) -> None:
    """A common name that is no system auth, that of a deleted one, and that of an integration system resolve nothing,
    and a session from before is not mapped.
    """
    _, deleted = token_for(ruled, "Application")
    before = resolved(gateway, subject_of(deleted))
    assert before != EMPTY
    ruled.administer(f'mutation {{ result: deleteSystemAuthForApplication(authID: "{deleted}") {{ id }} }}')
    system = ruled.administer('mutation { result: registerIntegrationSystem(in: {name: "system"}) { id } }')["id"]
    request = f'mutation {{ result: requestClientCredentialsForIntegrationSystem(id: "{system}") {{ id }} }}'
    unknown = "6f1d4a3e-1f1b-4a57-9d0c-0c9a4f8f1a11"

    for auth in (unknown, deleted, ruled.administer(request)["id"]):
        assert resolved(gateway, subject_of(auth)) == EMPTY
        session = session_of(auth, token_hex(32))
        assert resolve(gateway, TENANT_MAPPING, session).json == session
    assert resolve(gateway, TENANT_MAPPING, before).json == before


def test_the_inventory_decides_alone(ruled: Server, gateway: Gateway, tmp_path: Path) -> None:
    """A certificate in the inventory is its own holder's whatever its subject, and a revoked one is nobody's, with its
    own subject as with another.
    """
    _, other = token_for(ruled, "Application")
    owner, identity = enrolled(ruled, "shop", tmp_path)
    auth, ours = identity.subject.rpartition("CN=")[2], Forwarded.of(identity)
    assert resolved(gateway, subject_of(other), ours.hash) == session_of(auth, ours.hash)
    assert resolve(gateway, TENANT_MAPPING, session_of(auth, ours.hash)).json["extra"]["consumerID"] == owner
    assert resolve(gateway, TENANT_MAPPING, session_of(other, ours.hash)).json == session_of(other, ours.hash)

    ruled.command("revoke", ours.serial)

    for claimed in (auth, other):
        assert resolved(gateway, subject_of(claimed), ours.hash) == EMPTY
        session = session_of(claimed, ours.hash)
        assert resolve(gateway, TENANT_MAPPING, session).json == session


def test_a_revocation_of_an_import_holds(ruled: Server, gateway: Gateway) -> None:
    """A certificate whose revocation an import took over is nobody's from then on, although it never came in."""
    _, auth = token_for(ruled, "Application")
    fingerprint = token_bytes(32)
    before = resolved(gateway, subject_of(auth), fingerprint.hex())
    assert before == session_of(auth, fingerprint.hex())

    async def take_over() -> None:
        store = open_sqlite(ruled.data / "connector.db")
        try:
            await store.transaction(lambda tx: tx.imports.revoke([fingerprint], now=tx.now))
        finally:
            await store.close()

    asyncio.run(take_over())

    assert resolved(gateway, subject_of(auth), fingerprint.hex()) == EMPTY
    assert resolve(gateway, TENANT_MAPPING, before).json == before
    assert resolved(gateway, subject_of(auth)) != EMPTY


def test_a_holder_stays_in_its_own_tenant(ruled: Server, gateway: Gateway) -> None:
    """The tenant is that of the system auth, whichever one the request names."""
    owner, auth = token_for(ruled, "Application", "acme")
    session = resolved(gateway, subject_of(auth))

    for headers in ([], [(TENANT, b"acme")], [(TENANT, b"default")]):
        extra = resolve(gateway, TENANT_MAPPING, session, headers).json["extra"]
        assert (tenant_in(extra), extra["consumerID"]) == ("acme", owner)


def test_a_session_that_does_not_fit_together_is_not_mapped(ruled: Server, gateway: Gateway) -> None:
    """The id, the subject and the hash in a session must name one holder, and the issuer be ours."""
    _, auth = token_for(ruled, "Application")
    _, other = token_for(ruled, "Application")
    digest = token_hex(32)
    wrong: list[dict[str, str]] = [
        {"Client_Id_From_Certificate": other},
        {"Subject_From_Certificate": subject_of(other)},
        {"Subject_From_Certificate": ""},
        {"Client_Certificate_Hash": ""},
        {"Client_Certificate_Hash": digest[2:]},
        {"Client_Certificate_Issuer": "certificate-service"},
        {"Client_Certificate_Issuer": ""},
    ]

    assert resolve(gateway, TENANT_MAPPING, session_of(auth, digest)).json["extra"] != {}
    for changes in wrong:
        session = session_of(auth, digest, **changes)
        assert resolve(gateway, TENANT_MAPPING, session).json == session, changes


def test_a_mapped_subject_is_resolved_beside_the_rule(gateway: Gateway) -> None:
    """A subject of gateways.subjects leads to its consumer as before."""
    headers = resolved(gateway, MAPPED["subject"])["header"]

    assert headers["Client-Id-From-Certificate"] == ["registrar-1"]
    assert headers["Client-Certificate-Issuer"] == ["certificate-service"]


def test_an_unclear_header_is_refused(ruled: Server, gateway: Gateway) -> None:
    """Twice, with underscores, named in Connection, too long, or two elements: the good subject is not picked out."""
    _, auth = token_for(ruled, "Application")
    good, bad = xfcc(subject_of(auth), token_hex(32)), xfcc("CN=nobody", token_hex(32))

    for headers in unclear(CERTIFICATE_DATA, good, bad):
        assert resolve(gateway, CERTIFICATE, EMPTY, headers).status == 400, headers
    for value in (good + b"," + good, bad + b"," + good, good + b";" + bad):
        assert resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, value)]).status == 400
    assert resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, good)]).json != EMPTY


def test_no_spoof_resolves(ruled: Server, gateway: Gateway, tmp_path: Path) -> None:
    """With a header of nobody, no header that a client adds makes it somebody, nor does one in the place of it."""
    _, identity = enrolled(ruled, "victim", tmp_path)
    auth = identity.subject.rpartition("CN=")[2]
    own, good = (CERTIFICATE_DATA, xfcc("CN=nobody", token_hex(32))), xfcc(subject_of(auth), token_hex(32))
    named = [b"X-Forwarded-Client-Cert", b"X-Certificate-Data", b"Certificate_Data", b"Certificate-Data-X", b"Cookie"]
    added = [*spoofs(Forwarded.of(identity), auth), *([(name, good)] for name in named)]
    added += [[(b"Subject-From-Certificate", subject_of(auth).encode())]]

    for spoof in added:
        alone = [pair for pair in spoof if pair[0] != CERTIFICATE_DATA]
        for headers in ([own, *spoof], [*spoof, own], alone):
            answer = resolve(gateway, CERTIFICATE, EMPTY, headers)
            assert (answer.status, answer.json == EMPTY) in {(200, True), (400, False)}, headers


def test_the_start_says_that_subjects_are_believed(ruled: Server) -> None:
    """The log of a server with the rule begins with a warning, once."""
    lines = [line for line in ruled.log.read_text().splitlines() if "gateways.subject_rule" in line]

    assert len(lines) == 1
    assert "verified by the gateway alone" in lines[0]
    assert "warning" in lines[0].lower()


def test_values_that_gateways_escape_stop_the_start(tmp_path: Path) -> None:
    """With a value that is not ASCII the rule could never hold: the start says so."""
    done = subprocess.run(
        [*COMMAND, "serve", "--data-dir", str(tmp_path / "data")],
        env=environment({**RULE, "CONNECTOR_SUBJECT__LOCALITY": "K\u00f6ln"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "gateways.subject_rule" in done.stderr
    assert "ASCII" in done.stderr
