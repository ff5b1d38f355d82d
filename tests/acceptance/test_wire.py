"""What real clients send, byte for byte, and what they rely on in the answers (docs/wire-contract.md)."""

import json
import ssl
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from tests.support.server import Identity, Server

from connector.client.trust import context

# The Go client (machinebox): two keys, variables null, empty parentheses, the root field aliased to result.
GO_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Accept": "application/json; charset=utf-8",
}
GO_CONFIGURATION = """query {
	result: configuration()
	{
		token { token }
		certificateSigningRequestInfo { subject keyAlgorithm }
		managementPlaneInfo {
			directorURL
			certificateSecuredConnectorURL
		}
	}
}"""
GO_SIGN = """mutation {
	result: signCertificateSigningRequest(csr: "%s")
	{
		certificateChain
		caCertificate
		clientCertificate
	}
}"""
# The Node client (Apollo): operationName null, variables, the shorthand, __typename everywhere, a lower-case header.
NODE_CONFIGURATION = """{
  result: configuration {
    token {
      token
      __typename
    }
    certificateSigningRequestInfo {
      subject
      keyAlgorithm
      __typename
    }
    managementPlaneInfo {
      directorURL
      certificateSecuredConnectorURL
      __typename
    }
    __typename
  }
}
"""
NODE_SIGN = """mutation ($csr: String!) {
  result: signCertificateSigningRequest(csr: $csr) {
    certificateChain
    caCertificate
    clientCertificate
    __typename
  }
}
"""
NODE_HEADERS = {"content-type": "application/json", "accept": "*/*", "connection": "close"}


@pytest.fixture(scope="module")
def application(server: Server) -> str:
    return server.application("wire")


@pytest.fixture
def token(server: Server, application: str) -> str:
    return server.token(application)


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.root.decode())
    with httpx2.Client(verify=context, timeout=30) as client:
        yield client


def go(http: httpx2.Client, url: str, query: str, token: str) -> dict[str, dict[str, str]]:
    body = json.dumps({"query": query, "variables": None})
    answer = http.post(url, content=body, headers={**GO_HEADERS, "Connector-Token": token})
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    assert list(content) == ["data"], content
    assert list(content["data"]) == ["result"]
    result: dict[str, dict[str, str]] = content["data"]["result"]
    return result


def node(http: httpx2.Client, url: str, query: str, token: str, **variables: str) -> dict[str, dict[str, str]]:
    body = json.dumps({"operationName": None, "variables": variables, "query": query})
    content = http.post(url, content=body, headers={**NODE_HEADERS, "connector-token": token}).json()
    assert "errors" not in content, content
    result: dict[str, dict[str, str]] = content["data"]["result"]
    return result


def openssl_csr(directory: Path, subject: str, *options: str) -> bytes:
    """A CSR's PEM as openssl makes it."""
    pairs = "".join(f"/{pair}" for pair in subject.split(","))
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", pairs, *options]
    done = subprocess.run([*command, "-keyout", str(directory / "key.pem")], check=True, capture_output=True)
    return done.stdout


def certificates(encoded: str) -> list[x509.Certificate]:
    """The certificates in a field of the answer, after a strict decoder has read it."""
    assert "\n" not in encoded
    return x509.load_pem_x509_certificates(b64decode(encoded, validate=True))


def test_the_go_client(server: Server, http: httpx2.Client, token: str, tmp_path: Path) -> None:
    """The Go client's whole way: its headers, its body, its literal CSR; what it decodes fits together."""
    told = go(http, server.public_connector, GO_CONFIGURATION, token)
    assert told["certificateSigningRequestInfo"]["keyAlgorithm"] == "rsa2048"
    subject = told["certificateSigningRequestInfo"]["subject"]
    assert [pair.split("=")[0] for pair in subject.split(",")] == ["O", "OU", "L", "ST", "C", "CN"]

    csr = b64encode(openssl_csr(tmp_path, subject)).decode()
    signed = go(http, server.public_connector, GO_SIGN % csr, told["token"]["token"])
    chain = certificates(signed["certificateChain"])  # type: ignore[arg-type]
    (leaf,) = certificates(signed["clientCertificate"])  # type: ignore[arg-type]
    (issuing,) = certificates(signed["caCertificate"])  # type: ignore[arg-type]
    assert chain == [leaf, issuing]
    assert leaf.issuer == issuing.subject
    leaf.verify_directly_issued_by(issuing)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=90, minutes=1)
    assert isinstance(leaf.signature_hash_algorithm, SHA256)


def test_the_node_client(server: Server, http: httpx2.Client, token: str, tmp_path: Path) -> None:
    """The Node client's whole way: CRLF PEM, signed with SHA-1, as a variable, __typename everywhere."""
    told = node(http, server.public_connector, NODE_CONFIGURATION, token)
    assert told["__typename"] == "Configuration"
    csr = openssl_csr(tmp_path, told["certificateSigningRequestInfo"]["subject"], "-sha1").replace(b"\n", b"\r\n")
    signed = node(http, server.public_connector, NODE_SIGN, told["token"]["token"], csr=b64encode(csr).decode())

    chain = tmp_path / "chain.pem"
    chain.write_bytes(b64decode(signed["certificateChain"]))  # type: ignore[arg-type]
    with server.holder(Identity(chain, tmp_path / "key.pem", "")) as client:
        assert client.viewer(server.mtls_director)[1] == "APPLICATION"


@pytest.mark.parametrize(("separator", "literal"), [("\n", "\\n"), ("\r\n", "\\r\\n")], ids=["LF", "CRLF"])
def test_wrapped_base64(
    server: Server, http: httpx2.Client, application: str, tmp_path: Path, separator: str, literal: str
) -> None:
    """Base64 in lines, as openssl writes it, is taken: through a variable, an escaped literal and a block string."""
    for form in ("variable", "literal", "block"):
        told = go(http, server.public_connector, GO_CONFIGURATION, server.token(application))
        text = b64encode(openssl_csr(tmp_path, told["certificateSigningRequestInfo"]["subject"])).decode()
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        secret = told["token"]["token"]
        if form == "variable":
            assert node(http, server.public_connector, NODE_SIGN, secret, csr=separator.join(lines))
        elif form == "literal":
            assert go(http, server.public_connector, GO_SIGN % literal.join(lines), secret)
        else:
            block = GO_SIGN.replace('"%s"', '"""%s"""') % separator.join(lines)
            assert go(http, server.public_connector, block, secret)


def test_wrong_order_is_fine_and_an_empty_subject_is_not(
    server: Server, http: httpx2.Client, token: str, tmp_path: Path
) -> None:
    """The subject's attributes may come in any order; without any, the common name is what is missed first."""
    told = go(http, server.public_connector, GO_CONFIGURATION, token)
    subject, secret = told["certificateSigningRequestInfo"]["subject"], told["token"]["token"]
    empty = b64encode(openssl_csr(tmp_path, "")).decode()
    body = json.dumps({"query": GO_SIGN % empty, "variables": None})
    refused = http.post(server.public_connector, content=body, headers={**GO_HEADERS, "Connector-Token": secret}).json()
    assert refused["data"] is None
    assert refused["errors"][0]["path"] == ["result"]
    assert refused["errors"][0]["message"].endswith("CSR: Invalid common name provided.")

    backwards = ",".join(reversed(subject.split(",")))
    csr = b64encode(openssl_csr(tmp_path, backwards)).decode()
    (leaf,) = certificates(go(http, server.public_connector, GO_SIGN % csr, secret)["clientCertificate"])  # type: ignore[arg-type]
    assert ",".join(reversed(leaf.subject.rfc4514_string().split(","))) == subject


def test_by_get(server: Server, http: httpx2.Client, token: str) -> None:
    """A query may come by GET, with variables as JSON."""
    query = urlencode({"query": "query Q { result: configuration() { token { token } } }", "variables": "null"})
    answer = http.get(f"{server.public_connector}?{query}", headers={"connector-token": token})

    assert len(answer.json()["data"]["result"]["token"]["token"]) == 88


def test_a_certificates_holder_mints_no_token_by_get(
    server: Server, http: httpx2.Client, token: str, tmp_path: Path
) -> None:
    """A link on any site has a browser send a GET with its user's certificate: it reads, and mints nothing."""
    told = go(http, server.public_connector, GO_CONFIGURATION, token)
    url = told["managementPlaneInfo"]["certificateSecuredConnectorURL"]
    identity = server.enroll(told["token"]["token"], tmp_path)
    count = "{ result: oneTimeTokens { totalCount } }"
    before = server.administer(count)
    with httpx2.Client(verify=context(server.root, (identity.chain, identity.key))) as holder:
        refused = holder.get(url, params={"query": GO_CONFIGURATION}).json()
        read = holder.get(url, params={"query": "{ configuration { certificateSigningRequestInfo { subject } } }"})

        assert refused["errors"][0]["extensions"]["error"] == "method_not_allowed"
        assert "errors" not in read.json()
        assert server.administer(count) == before

        minted = holder.post(url, json={"query": GO_CONFIGURATION}).json()
        assert minted["data"]["result"]["token"]["token"]
    assert server.administer(count) != before


def test_urls_are_the_same_by_token_and_by_certificate(
    server: Server, http: httpx2.Client, token: str, tmp_path: Path
) -> None:
    """The URLs that a system is told do not depend on how it asks, are https, and work as they are."""
    told = go(http, server.public_connector, GO_CONFIGURATION, token)
    identity = server.enroll(told["token"]["token"], tmp_path)
    with server.holder(identity) as client:
        again = client.query(told["managementPlaneInfo"]["certificateSecuredConnectorURL"], GO_CONFIGURATION)
        assert client.viewer(told["managementPlaneInfo"]["directorURL"])

    assert again["managementPlaneInfo"] == told["managementPlaneInfo"]
    assert again["certificateSigningRequestInfo"] == told["certificateSigningRequestInfo"]
    assert len(again["token"]["token"]) == 88
    assert all(url.startswith("https://") for url in told["managementPlaneInfo"].values())


def test_a_one_time_token_as_the_director_tells_it(server: Server, application: str) -> None:
    """Every field of the mutation is there; raw, rawEncoded, the legacy URL and token hold one and the same secret."""
    fields = "token connectorURL legacyConnectorURL used expiresAt createdAt usedAt raw rawEncoded type scenarioGroups"
    told = server.administer(
        f'mutation {{ result: requestOneTimeTokenForApplication(id: "{application}") {{ __typename {fields} }} }}'
    )
    assert told["__typename"] == "OneTimeTokenForApplication"
    assert told["type"] == "Application"
    assert told["used"] is False
    assert told["usedAt"] == "0001-01-01T00:00:00Z"
    assert b64decode(told["rawEncoded"], validate=True).decode() == told["raw"]
    raw = json.loads(told["raw"])
    assert raw["token"] == told["token"]
    assert raw["connectorURL"] == told["connectorURL"] == server.public_connector
    assert datetime.fromisoformat(raw["expiresAt"]).replace(microsecond=0) == datetime.fromisoformat(told["expiresAt"])
    root = x509.load_pem_x509_certificate(server.root)
    assert raw["rootFingerprint"] == root.fingerprint(SHA256()).hex()
    assert told["legacyConnectorURL"].endswith(f"?token={told['token']}")


def test_auths_tell_of_tokens_without_their_secrets(server: Server, tmp_path: Path) -> None:
    """Three requests are three auths; tokens are told by public ids, never secrets, and whether they were used."""
    application = server.application("three-auths")
    secrets = [server.token(application) for _ in range(3)]
    enrolled = server.enroll(secrets[0], tmp_path)
    query = (
        f'{{ result: application(id: "{application}") {{ auths {{ id type tenantId referenceObjectId '
        "auth { certCommonName oneTimeToken { __typename token used expiresAt raw } } } } }"
    )
    answer = server.administer(query)
    assert len(answer["auths"]) == 3
    assert not [secret for secret in secrets if secret in json.dumps(answer)]
    tokens = [auth["auth"]["oneTimeToken"] for auth in answer["auths"]]
    assert {token["__typename"] for token in tokens} == {"OneTimeTokenForApplication"}
    assert all(token["raw"] is None for token in tokens)
    assert [token["used"] for token in tokens] == [True, False, False]
    # Known once there is a certificate with that name.
    names = [auth["auth"]["certCommonName"] for auth in answer["auths"]]
    assert names == [enrolled.subject.rsplit("=", 1)[1], None, None]
    assert {auth["referenceObjectId"] for auth in answer["auths"]} == {application}


def test_a_runtimes_token(server: Server, tmp_path: Path) -> None:
    """A runtime's token has the runtime's type and lives an hour; its certificate's holder is told as RUNTIME."""
    runtime = server.administer('mutation { result: registerRuntime(in: {name: "runtime-on-wire"}) { id } }')["id"]
    told = server.administer(
        f'mutation {{ result: requestOneTimeTokenForRuntime(id: "{runtime}") {{ __typename type token raw }} }}'
    )
    raw = json.loads(told["raw"])
    lifetime = datetime.fromisoformat(raw["expiresAt"]) - datetime.fromisoformat(raw["createdAt"])
    assert lifetime == timedelta(minutes=60)
    with server.holder(server.enroll(told["token"], tmp_path)) as client:
        assert client.viewer(server.mtls_director) == (runtime, "RUNTIME")
    assert (told["__typename"], told["type"]) == ("OneTimeTokenForRuntime", "Runtime")
    assert server.administer(f'{{ result: runtime(id: "{runtime}") {{ auths {{ __typename }} }} }}')["auths"] == [
        {"__typename": "RuntimeSystemAuth"}
    ]


def test_no_secret_is_written_anywhere(fresh_server: Server, tmp_path: Path) -> None:
    """After a whole life no token and no key is in the database, the log, or any other file of the server."""
    server = fresh_server.start()
    application = server.application("secrecy")
    secrets = [server.token(application) for _ in range(3)]
    with server.bearer(secrets[0]) as client:
        told = client.configuration(server.public_connector)
    identity = server.enroll(told.token, tmp_path / "identity")
    with server.holder(identity) as client:
        beside = client.configuration(server.mtls_connector)
    with server.bearer(secrets[0]) as client, pytest.raises(Exception, match="already been redeemed"):
        client.configuration(server.public_connector)
    key = (server.data / "admin.key").read_text().strip()
    server.stop()
    for path in [server.log, *(path for path in server.data.rglob("*") if path.is_file())]:
        content = path.read_bytes()
        for secret in (*secrets, told.token, beside.token):
            assert secret.encode() not in content, path
        assert key.encode() not in content or path.name == "admin.key", path


def test_the_ca_is_served(server: Server, http: httpx2.Client, tmp_path: Path) -> None:
    """Root and issuing certificate are served as PEM and DER, on the public listener and on the one without TLS."""
    for base in (server.urls["pki"], f"{server.urls['public']}/pki"):
        root = http.get(f"{base}/root.pem")
        assert root.headers["content-type"].startswith("application/x-pem-file")
        assert x509.load_pem_x509_certificate(root.content) == x509.load_pem_x509_certificate(server.root)
        issuing = http.get(f"{base}/issuing.crt")
        assert issuing.headers["content-type"] == "application/pkix-cert"
        (tmp_path / "issuing.der").write_bytes(issuing.content)
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-CAfile", server.data / "ca" / "root.pem", tmp_path / "issuing.der"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_health(server: Server, http: httpx2.Client) -> None:
    """Alive is "ok" in plain text, as in the original; ready is said in JSON, on both listeners that tell."""
    for base in (server.urls["public"], server.urls["internal"]):
        assert http.get(f"{base}/healthz").text == "ok"
        ready = http.get(f"{base}/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
