"""Administrators by certificates of another CA, over real TLS: who gets in, as whom, and where."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pysqlite3.dbapi2 as driver
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from tests.support.ca import CA, DAY, SERVER, issued_by_leaf, self_signed
from tests.support.console import chromium
from tests.support.director import Director, director
from tests.support.registrars import PRINTABLE, Registrars, issue, named, registrar, role_rule, settings
from tests.support.schemas import connected
from tests.support.server import COMMAND, Identity, Server, environment

VIEWER = "{ result: viewer { id type } }"
COUNT = "{ result: applications { totalCount } }"
REGISTER = "mutation ($name: String!) { result: registerApplication(in: {name: $name}) { id } }"
PIPELINE, MAIL, HOST = "spiffe://example.org/ns/ci/sa/pipeline", "registrar@example.com", "registrar.example.com"
BOTH = [(NameOID.COMMON_NAME, "registrar"), (NameOID.USER_ID, "7")]
SOON = timedelta(seconds=4)


@dataclass(frozen=True, slots=True)
class Site:
    """A server with an administrator, and the other CA."""

    server: Server
    registrars: Registrars
    admin: Director

    def post(self, identity: Identity, document: str, name: str | None = None, **headers: str) -> httpx2.Response:
        """A request to the Director API on the public listener, on a connection of its own."""
        with connected(self.server, identity) as client:
            return post(self.server, client, document, name, **headers)

    def refused(self, identity: Identity, document: str = VIEWER, **headers: str) -> str:
        """The code of the refusal."""
        content = self.post(identity, document, **headers).json()
        assert not (content["data"] or {}).get("result")
        return str(content["errors"][0]["extensions"]["error"])

    def result(self, identity: Identity, document: str, name: str | None = None, **headers: str) -> Any:
        """What the root field answers."""
        content = self.post(identity, document, name, **headers).json()
        assert "errors" not in content, content
        return content["data"]["result"]

    def of(self, subject: x509.Name, **particulars: Any) -> Identity:
        """A certificate of the other CA."""
        return self.registrars.identity(issue(self.registrars.ca.issuing, subject, **particulars))


def post(
    server: Server, client: httpx2.Client, document: str, name: str | None = None, **headers: str
) -> httpx2.Response:
    body = {"query": document, "variables": {"name": name} if name else None}
    return client.post(server.public_director, json=body, headers={"Tenant": "registrars", **headers})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server knows rules of every kind; two of them can match one certificate."""
    directory = tmp_path_factory.mktemp("registrars")
    registrars = Registrars(CA.make("Registrars"), directory)
    rules: list[Mapping[str, object]] = [
        role_rule("operator"),
        role_rule("viewer"),
        {"name": "pipeline", "uri": PIPELINE, "role": "operator", "tenants": ["acme", "registrars"]},
        {"name": "mail", "email": MAIL, "role": "viewer", "tenants": ["acme"]},
        {"name": "host", "dns": HOST, "role": "viewer", "tenants": ["*"]},
        {"name": "both", "subject": "UID=7+CN=registrar", "role": "viewer", "tenants": ["*"]},
    ]
    with Server(directory / "data", settings(registrars, *rules)) as server, director(server, "registrars") as admin:
        yield Site(server, registrars, admin)


@pytest.fixture(scope="module")
def operator(site: Site) -> Identity:
    return site.registrars.client(registrar("operator"))


def test_a_registrar_registers_and_the_audit_says_who(site: Site, operator: Identity) -> None:
    """A certificate that one rule matches acts with its role in the tenant of the header; the audit, and whatever keeps
    its maker, name the kind, the rule, the certificate's fingerprint and its subject.
    """
    application = site.result(operator, REGISTER, "by certificate")["id"]
    mint = f'mutation {{ result: requestOneTimeTokenForApplication(id: "{application}") {{ token }} }}'
    assert site.result(operator, mint)["token"]

    leaf = x509.load_pem_x509_certificates(operator.chain.read_bytes())[0]
    fingerprint = leaf.fingerprint(SHA256()).hex()
    actor = f"admin_certificate:operator sha256={fingerprint} subject=CN=operator,OU=Registrars,O=Example"
    with closing(driver.connect(f"file:{site.server.data / 'connector.db'}?mode=ro", uri=True)) as connection:
        events = connection.execute(
            "SELECT DISTINCT actor FROM audit_events WHERE owner_id = ?", [application]
        ).fetchall()
        makers = connection.execute(
            "SELECT DISTINCT minted_by FROM tokens WHERE owner_id = ?", [application]
        ).fetchall()
    assert events == makers == [(actor,)]
    assert site.result(operator, VIEWER) == {"id": "operator", "type": "USER"}


@pytest.mark.parametrize(
    ("name", "tenant", "answer"),
    [
        (x509.UniformResourceIdentifier(PIPELINE), "registrars", None),
        (x509.UniformResourceIdentifier(PIPELINE), "default", "tenant_forbidden"),
        (x509.UniformResourceIdentifier(PIPELINE), "nowhere", "tenant_forbidden"),
        (x509.UniformResourceIdentifier(PIPELINE), "", "tenant_required"),
        (x509.RFC822Name(MAIL), "registrars", "tenant_forbidden"),
        (x509.DNSName(HOST), "registrars", None),
        (x509.DNSName(HOST), "default", None),
        (x509.DNSName(HOST), "nowhere", "tenant_not_found"),
    ],
)
def test_a_rule_opens_its_tenants_alone(site: Site, name: x509.GeneralName, tenant: str, answer: str | None) -> None:
    """An alternative name gives the rule's tenants and no other; who may not enter all does not learn which there are.
    The header is as for an API key.
    """
    identity = site.registrars.client(named("anybody"), name)

    content = site.post(identity, COUNT, Tenant=tenant).json()

    assert (content["errors"][0]["extensions"]["error"] if "errors" in content else None) == answer


def test_the_role_says_what_may_be_done(site: Site) -> None:
    """A viewer reads, and is told which scope is missing for what it may not do."""
    viewer = site.registrars.client(registrar("viewer"))

    assert site.result(viewer, COUNT)["totalCount"] >= 0
    assert site.refused(viewer, 'mutation { result: registerApplication(in: {name: "a"}) { id } }') == (
        "insufficient_scopes"
    )


@pytest.mark.parametrize(
    "subject",
    [registrar("operator", PRINTABLE), named(BOTH), named(BOTH[::-1])],
    ids=["PrintableString", "two values in one set", "the same in another order"],
)
def test_the_same_subject_in_another_encoding(site: Site, subject: x509.Name) -> None:
    """The string type, and the order within a set, make no other subject (RFC 5280 section 7.1)."""
    assert site.result(site.of(subject), VIEWER)["type"] == "USER"


ORGANIZATION = [(NameOID.ORGANIZATION_NAME, "Example")]
UNIT = [(NameOID.ORGANIZATIONAL_UNIT_NAME, "Registrars")]
URI = x509.UniformResourceIdentifier


@pytest.mark.parametrize(
    ("subject", "particulars", "refusal"),
    [
        (named("operator", UNIT, ORGANIZATION), {}, "admin_certificate_refused"),
        (registrar("Operator"), {}, "admin_certificate_refused"),
        (named("CN=operator,OU=Registrars,O=Example"), {}, "admin_certificate_refused"),
        (named([*ORGANIZATION, *UNIT], "operator"), {}, "admin_certificate_refused"),
        (named(BOTH[:1], BOTH[1:]), {}, "admin_certificate_refused"),
        (named("a"), {"names": [x509.DNSName(HOST + "\0.evil.example")]}, "admin_certificate_refused"),
        (named("a"), {"names": [x509.DNSName("*.example.com")]}, "admin_certificate_refused"),
        (named("a"), {"names": [x509.DNSName(PIPELINE)]}, "admin_certificate_refused"),
        (registrar("operator"), {"purposes": []}, "admin_certificate_refused"),
        (registrar("operator"), {"names": [URI(PIPELINE)]}, "admin_certificate_ambiguous"),
        (named("a"), {"names": [URI(PIPELINE), x509.RFC822Name(MAIL)]}, "admin_certificate_ambiguous"),
    ],
)
def test_what_no_rule_matches_exactly_is_refused(
    site: Site, subject: x509.Name, particulars: dict[str, Any], refusal: str
) -> None:
    """A certificate that TLS accepts, and that no rule matches exactly, or several do, is nobody's; known and unknown
    documents are refused alike.
    """
    identity = site.of(subject, **particulars)

    assert site.refused(identity) == refusal
    assert site.refused(identity, f"query a{sha256(repr(subject).encode()).hexdigest()} {COUNT}") == refusal


def bad_certificates(site: Site) -> dict[str, Identity]:
    """What the handshake has to refuse, each with the subject of an operator."""
    registrars, subject, copied = site.registrars, registrar("operator"), CA.make("Registrars")
    leaf = issue(registrars.ca.issuing, subject)
    return {
        "expired": site.of(subject, life=(-2 * DAY, -DAY)),
        "not yet valid": site.of(subject, life=(DAY, 2 * DAY)),
        "of another CA with the same names": registrars.identity(issue(copied.issuing, subject), copied.issuing),
        "of another CA, its root sent along": registrars.identity(
            issue(copied.issuing, subject), copied.issuing, copied.root
        ),
        "for servers": site.of(subject, purposes=[SERVER]),
        "self-signed": registrars.identity(self_signed("operator")),
        "issued by a leaf": registrars.identity(issued_by_leaf(leaf), leaf),
    }


def test_what_is_not_of_the_ca_fails_the_handshake(site: Site, subtests: pytest.Subtests) -> None:
    """A certificate that is not valid now, not for clients, or not signed by one of the CAs opens no connection."""
    for case, identity in bad_certificates(site).items():
        with subtests.test(case), pytest.raises(httpx2.HTTPError):
            site.post(identity, VIEWER)


def test_a_certificate_of_ours_opens_nothing_there(site: Site, tmp_path: Path) -> None:
    """The certificate of an application, issued by this server, fails the handshake of the public listener."""
    ours = site.admin.enroll(site.admin.register("ours"), tmp_path)

    with pytest.raises(httpx2.HTTPError):
        site.post(ours, VIEWER)
    with connected(site.server, ours) as client:
        assert client.post(site.server.mtls_director, json={"query": VIEWER}).json()["data"]["result"]


def test_an_expired_certificate_ends_on_a_live_connection(site: Site) -> None:
    """What was good in the handshake is refused by the first request after the certificate's end."""
    identity = site.of(registrar("operator"), life=(-DAY, SOON))
    with connected(site.server, identity) as client:
        first = post(site.server, client, VIEWER)
        assert first.json()["data"]["result"]["id"] == "operator"
        deadline = time.monotonic() + 60
        while "errors" not in (content := post(site.server, client, VIEWER).json()):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert content["errors"][0]["extensions"] == {
            "error": "admin_certificate_expired",
            "error_code": 26,
            "code": "UNAUTHENTICATED",
        }


def test_an_authorization_header_goes_before_the_certificate(site: Site, operator: Identity) -> None:
    """With a key the caller is the key's; with a wrong one, or any other Authorization header, the certificate is not
    looked at.
    """
    key = f"Bearer {site.admin.key}"

    assert site.result(operator, VIEWER, Authorization=key)["id"] == "first"
    assert site.refused(operator, Authorization=key[:-1]) == "key_unknown"
    assert site.refused(operator, Authorization="Bearer connector-access-x") == "access_token_unknown"
    assert site.refused(operator, Authorization="Bearer a.b.c") == "jwt_refused"
    for other in ("Basic eDp5", "Bearer", "", "Negotiate"):
        assert site.refused(operator, Authorization=other) == "credential_missing"


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "none"}])
def test_a_page_in_a_browser_acts_with_no_certificate(site: Site, operator: Identity, header: dict[str, str]) -> None:
    """A browser sends its user's certificate with whatever a page asks: such a request is refused, unless it brings a
    key.
    """
    assert site.refused(operator, **header) == "admin_certificate_refused"
    with connected(site.server, operator) as client:
        answer = client.get(site.server.public_director, params={"query": VIEWER}, headers=header)
        assert answer.json()["errors"][0]["extensions"]["error"] == "admin_certificate_refused"
    assert site.result(operator, VIEWER, Authorization=f"Bearer {site.admin.key}", **header)["id"] == "first"


FETCH = """(query) => fetch('/director/graphql', {
  method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({query}),
}).then((answer) => answer.text())"""


def test_a_browser_with_the_certificate_is_nobody(site: Site, operator: Identity) -> None:
    """Chromium gets the sign-in page with and without the certificate; a link to the API, and a page's own request to
    it, are refused although Chromium sends the certificate.
    """
    public = site.server.urls["public"]
    held = {"origin": public, "certPath": str(operator.chain), "keyPath": str(operator.key)}
    with chromium() as browser:
        for certificates in ([], [held]):
            page = browser.new_context(ignore_https_errors=True, client_certificates=certificates).new_page()
            page.goto(f"{public}/console")
            assert page.url == f"{public}/console/sign-in?next=%2Fconsole"
            refusal = "admin_certificate_refused" if certificates else "credential_missing"
            assert refusal in page.evaluate(FETCH, VIEWER)
            answer = page.goto(f"{site.server.public_director}?query={quote(VIEWER)}")
            assert answer is not None
            assert refusal in answer.text()


def test_the_certificate_is_good_for_the_director_alone(site: Site, operator: Identity) -> None:
    """The console, the Connector API, legacy REST and the token endpoint answer as if there were no certificate."""
    public = site.server.urls["public"]
    requests = [
        ("GET", f"{public}/console", None),
        ("GET", f"{public}/console/t/registrars/applications", None),
        ("GET", f"{public}/console/audit", None),
        ("POST", site.server.public_connector, {"query": "{ result: configuration { token { token } } }"}),
        ("POST", site.server.public_connector, {"query": "mutation { result: revokeCertificate }"}),
        ("GET", f"{public}/v1/applications/signingRequests/info", None),
        ("GET", f"{public}/v1/applications/management/info", None),
        ("POST", f"{public}/v1/applications/certificates/renewals", {"csr": "a"}),
        ("POST", f"{public}/v1/applications/certificates/revocations", {}),
        ("POST", f"{public}/oauth2/token", {}),
    ]
    with connected(site.server, operator) as holder, connected(site.server) as nobody:
        for method, url, body in requests:
            one, other = (client.request(method, url, json=body) for client in (holder, nobody))
            assert (one.status_code, one.content) == (other.status_code, other.content), url
            assert one.status_code >= 300 or b"errors" in one.content, url


def test_the_certificate_opens_nothing_on_the_mutual_tls_listener(site: Site, operator: Identity) -> None:
    """There, certificates of this server count, and no other opens a connection."""
    with connected(site.server, operator) as client, pytest.raises(httpx2.HTTPError):
        client.post(site.server.mtls_director, json={"query": VIEWER})


def test_who_has_no_certificate_comes_as_before(site: Site) -> None:
    """Without a certificate keys and the console work as ever, and nobody becomes an administrator by a header."""
    assert site.admin.ask(VIEWER)["id"] == "first"
    with connected(site.server) as client:
        assert client.get(f"{site.server.urls['public']}/console/sign-in").status_code == 200
        for name in ("Client-Id-From-Certificate", "Certificate-Data", "Subject-From-Certificate", "Client-Cert"):
            answer = post(site.server, client, VIEWER, **{name: "CN=operator,OU=Registrars,O=Example"})
            assert answer.json()["errors"][0]["extensions"]["error"] == "credential_missing"


def handshake(server: Server) -> str:
    """The messages of a handshake with the public listener, as openssl shows them."""
    address = server.urls["public"].removeprefix("https://")
    command = ["openssl", "s_client", "-msg", "-connect", address, "-CAfile", str(server.data / "ca" / "root.pem")]
    return subprocess.run(command, input="Q\n", capture_output=True, text=True, timeout=20, check=True).stdout


def test_nobody_is_asked_for_a_certificate_where_none_is_set(site: Site, server: Server) -> None:
    """A server without these settings sends no CertificateRequest, so that no browser asks for a certificate."""
    assert "ServerHello" in handshake(server)
    assert "CertificateRequest" not in handshake(server)
    assert "CertificateRequest" in handshake(site.server)


NODE = """
const fs = require('node:fs'), https = require('node:https');
const [url, ca, cert, key, body] = process.argv.slice(1);
const read = (path) => fs.readFileSync(path);
const request = https.request(url, {
  method: 'POST', ca: read(ca), cert: read(cert), key: read(key),
  headers: {'Content-Type': 'application/json', Tenant: 'registrars'},
}, (answer) => answer.pipe(process.stdout));
request.end(body);
"""


@pytest.mark.parametrize("client", ["curl", "node"])
def test_other_clients_get_in(site: Site, operator: Identity, client: str) -> None:
    """Curl and Node.js, with the certificate and its key, administer."""
    url, root = site.server.public_director, str(site.server.data / "ca" / "root.pem")
    chain, key, body = str(operator.chain), str(operator.key), json.dumps({"query": VIEWER})
    command = {
        "curl": ["curl", "-sS", "--cacert", root, "--cert", chain, "--key", key, "--json", body, url],
        "node": ["node", "-e", NODE, url, root, chain, key, body],
    }[client]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(done.stdout) == {"data": {"result": {"id": "operator", "type": "USER"}}}


def serve(server: Server) -> str:
    """What a start says that does not come to anything."""
    command = [*COMMAND, "serve", "--data-dir", str(server.data), "--public", "localhost:0", "--mtls", "localhost:0"]
    done = subprocess.run(
        command, env=environment(server.settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_our_own_ca_stops_the_start(tmp_path: Path) -> None:
    """A caller by certificate has a share of requests like any other. With this server's own root as the CA of
    administrators, the next start says why it is none.
    """
    registrars = Registrars(CA.make("Registrars"), tmp_path)
    limited = {"CONNECTOR_QUOTAS__REQUESTS_A_SECOND": "1"}
    server = Server(tmp_path / "data", settings(registrars, role_rule("operator"), **limited))
    with server, connected(server, registrars.client(registrar("operator"))) as client:
        answers = [post(server, client, VIEWER) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all("errors" not in answer.json() for answer in answers if answer.status_code == 200)

    server.settings = {
        **server.settings,
        "CONNECTOR_ADMIN_CERTIFICATES__CA_FILE": str(server.data / "ca" / "root.pem"),
    }
    assert "admin_certificates.ca_file (environment): Certificate 1 in it is that of this server's own CA" in serve(
        server
    )
