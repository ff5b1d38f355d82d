"""Bad input to the legacy REST API: every refusal has its status and shape, and repeats no secret."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import quote

import pytest
from tests.support.legacy import (
    CERTIFICATES,
    FORBIDDEN,
    INFORMATION,
    MANAGEMENT,
    RENEWALS,
    REVOCATIONS,
    Answer,
    curl,
    legacy_url,
    openssl_csr,
    post_csr,
)
from tests.support.server import Identity, Server

PATHS = {INFORMATION: "GET", CERTIFICATES: "POST", MANAGEMENT: "GET", RENEWALS: "POST", REVOCATIONS: "POST"}


@pytest.fixture(scope="module")
def application(server: Server) -> str:
    return server.application("legacy-bad-input")


@pytest.fixture(scope="module")
def identity(server: Server, application: str, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return server.enroll(server.token(application), tmp_path_factory.mktemp("holder"))


def twice(token: str) -> str:
    return quote(quote(token, safe=""), safe="")


# What is made of a good token, and the status that the information answers to it.
QUERIES = {
    "token={token}": 200,
    "a=b&token={token}&c": 200,
    "token={encoded}": 200,
    "%74oken={token}": 200,
    "token={token}&token=": 400,
    "token={token}&token={token}": 400,
    "token={token}&token=other": 400,
    "token=&token={token}": 400,
    "token=other&%74oken={token}": 400,
    "token={twice}": 403,
    "Token={token}": 403,
    "TOKEN={token}": 403,
    "tokens={token}": 403,
    "token[]={token}": 403,
    "token%20={token}": 403,
    "connector-token={token}": 403,
    "Connector-Token={token}": 403,
    "access_token={token}": 403,
    "a=b;token={token}": 403,
    "{token}": 403,
    "token": 403,
    "token=": 403,
    "": 403,
    "token=%20{token}": 403,
    "token={token}%20": 403,
    "token={token}%00": 403,
    "token={token}+": 403,
    "token={token};a=b": 403,
    "token={token}=": 403,
    "token={token}/": 403,
    "token=%ff%fe": 403,
    "token=%zz": 403,
    "token={stripped}": 403,
}


@pytest.mark.parametrize(("query", "status"), QUERIES.items())
def test_tokens_in_the_url(server: Server, application: str, query: str, status: int) -> None:
    """A token is taken from one parameter ``token``, percent-encoded at most once; anything else is refused, spends
    nothing and is not repeated.
    """
    token = server.token(application)
    texts = {"token": token, "encoded": quote(token, safe=""), "twice": twice(token), "stripped": token.rstrip("=")}
    url = f"{server.urls['public']}{INFORMATION}"
    answer = curl(server, f"{url}?{query.format(**texts)}")
    assert answer.status == status, answer
    if status == 200:
        return
    assert answer.json == FORBIDDEN if status == 403 else answer.json["code"] == status
    assert token.rstrip("=") not in answer.body.decode()
    assert curl(server, f"{url}?token={token}").status == 200


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        (["Connector-Token: {token}"], "token={token}", 200),
        (["Connector-Token: {token}"], "token=", 200),
        (["Connector-Token;"], "token={token}", 200),
        (["Connector-Token: other"], "token={token}", 400),
        (["Connector-Token: {token}"], "token=other", 400),
        (["Connector-Token: {token}", "connector-token: {token}"], "", 400),
        (["Connector-Token: {token}", "Connector-Token: other"], "", 400),
        (["Connector_Token: {token}"], "", 403),
        (["Authorization: Bearer {token}"], "", 403),
        (["Client-Id-From-Token: {token}"], "", 403),
        (["Cookie: token={token}"], "", 403),
        (["Connector-Token: {token}, {token}"], "", 403),
    ],
)
def test_tokens_in_headers(server: Server, application: str, headers: list[str], query: str, status: int) -> None:
    """The header and the parameter may say the same; where they differ, or one comes twice, neither is guessed."""
    token = server.token(application)
    url = f"{server.urls['public']}{INFORMATION}"
    sent = [part for header in headers for part in ("--header", header.format(token=token))]
    answer = curl(server, f"{url}?{query.format(token=token)}", *sent)
    assert answer.status == status, answer
    assert answer.json.get("code", 200) == status
    if status != 200:
        assert token not in answer.body.decode()
        assert curl(server, f"{url}?token={token}").status == 200


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 400, "Failed to read certificate request: "),
        (b"csr", 400, "Failed to read certificate request: "),
        (b"[]", 400, "Failed to read certificate request: "),
        (b'{"csr": "x"', 400, "Failed to read certificate request: "),
        (b'{"csr": "eA==", "csr": "eA=="}', 400, "Failed to read certificate request: "),
        (b'{"csr": "eA=="} {}', 400, "Failed to read certificate request: "),
        (b'{"csr": "\xff"}', 400, "Failed to read certificate request: "),
        (b"{}", 400, "Failed to read certificate request: "),
        (b'{"csr": null}', 400, "Failed to read certificate request: "),
        (b'{"csr": 7}', 400, "Failed to read certificate request: "),
        (b'{"csr": ""}', 400, "Error while decoding pem block."),
        (b'{"csr": "wrong-csr"}', 400, "Error while parsing base64 content"),
        (b'{"csr": "wrongCSR"}', 400, "Error while decoding pem block."),
        (b'{"csr": "\\u0000"}', 400, "Error while parsing base64 content"),
        (b'{"csr": "' + 33000 * b"A" + b'"}', 400, "too large"),
        (b'{"csr": "' + (1 << 20) * b"A" + b'"}', 413, "too large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_bodies(server: Server, application: str, tmp_path: Path, body: bytes, status: int, text: str) -> None:
    """A body that is no request is refused with the original's words, alike for a token and for a certificate; whoever
    has no good credential is told that alone.
    """
    sent = tmp_path / "body"
    sent.write_bytes(body)
    data = ("--header", "Content-Type: application/json", "--data-binary", f"@{sent}")
    url = f"{server.urls['public']}{CERTIFICATES}?token="
    answer = curl(server, f"{url}{server.token(application)}", *data)
    assert (answer.status, answer.json["code"]) == (status, status)
    assert text in answer.json["error"]
    assert curl(server, f"{url}{token_urlsafe(64)}==", *data).json == FORBIDDEN


def test_csr_refusals_say_what_the_original_said(
    server: Server, application: str, identity: Identity, tmp_path: Path
) -> None:
    """Refused CSRs are 400 with the original's text, by token and by certificate; then a good one is taken."""
    told = curl(server, legacy_url(server, application)).json
    subject = told["certificate"]["subject"]
    renewal = f"{server.urls['mtls']}{RENEWALS}"
    for wrong, text in [
        (subject.replace("CN=", "CN=x"), "CSR: Invalid common name provided."),
        (subject.replace("O=Org", "O=Other"), "CSR: Invalid organization provided."),
        (",".join(pair for pair in subject.split(",") if not pair.startswith("C=")), "CSR: No country provided."),
    ]:
        for answer in (
            post_csr(server, told["csrUrl"], openssl_csr(tmp_path, wrong)),
            post_csr(
                server,
                renewal,
                openssl_csr(tmp_path, wrong.replace(subject[-36:], identity.subject[-36:])),
                identity=identity,
            ),
        ):
            assert answer.status == answer.json["code"] == 400
            assert answer.json["error"].startswith("Failed to sign CSR: ")
            assert answer.json["error"].endswith(text), answer.json
    garbled = b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
    assert "Error while parsing CSR" in post_csr(server, told["csrUrl"], garbled).json["error"]
    assert post_csr(server, told["csrUrl"], openssl_csr(tmp_path, subject)).status == 201


def test_methods(server: Server, application: str, identity: Identity) -> None:
    """Each path takes one method; every other is 405 with Allow, and neither HEAD nor OPTIONS spends a token."""
    url = legacy_url(server, application)
    for path, allowed in PATHS.items():
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"):
            if method == allowed:
                continue
            target = url if path == INFORMATION else f"{server.urls['mtls']}{path}"
            shown = None if path == INFORMATION else identity
            arguments = ("--head",) if method == "HEAD" else ("--request", method)
            answer = curl(server, target, *arguments, identity=shown)
            assert (answer.status, answer.headers["allow"]) == (405, allowed), (path, method)
            assert method == "HEAD" or answer.json["code"] == 405
    assert curl(server, url).status == 200


@pytest.mark.parametrize(("path", "method"), PATHS.items())
def test_each_path_takes_its_own_credential(
    server: Server, application: str, identity: Identity, path: str, method: str
) -> None:
    """A path wants a token on the public listener or a certificate on the other. Without it, or with the other kind,
    the answer is 403.
    """
    wants_token = path in (INFORMATION, CERTIFICATES)
    arguments = ("--request", method, "--data-raw", "{}") if method == "POST" else ()
    token = server.token(application)
    public, mtls = server.urls["public"], server.urls["mtls"]
    assert curl(server, f"{public}{path}", *arguments).json == FORBIDDEN
    if wants_token:
        assert curl(server, f"{mtls}{path}", *arguments, identity=identity).json == FORBIDDEN
    else:
        assert curl(server, f"{public}{path}?token={token}", *arguments).json == FORBIDDEN


def test_a_page_in_a_browser_neither_renews_nor_revokes(server: Server, identity: Identity, tmp_path: Path) -> None:
    """A browser shows its user's certificate to any site that asks; what it sends names an Origin, and is refused."""
    mtls = server.urls["mtls"]
    csr = openssl_csr(tmp_path, identity.subject)
    for origin in ("https://evil.example", mtls, "null"):
        header = ("--header", f"Origin: {origin}")
        revoked = curl(server, f"{mtls}{REVOCATIONS}", "--request", "POST", *header, identity=identity)
        renewed = post_csr(server, f"{mtls}{RENEWALS}", csr, *header, identity=identity)
        assert revoked.status == renewed.status == 400
    assert curl(server, f"{mtls}{MANAGEMENT}", identity=identity).status == 200


def test_an_identity_that_a_header_claims_is_nobody(server: Server, identity: Identity, tmp_path: Path) -> None:
    """On either listener no header that claims an identity, however it is spelled, takes the place of a credential."""
    leaf = subprocess.run(
        ["openssl", "x509", "-in", identity.chain, "-noout", "-fingerprint", "-sha256"], capture_output=True, check=True
    )
    fingerprint = leaf.stdout.decode().strip().partition("=")[2].replace(":", "").lower()
    claims = {
        "Client-Id-From-Token": identity.subject[-36:],
        "Client-Id-From-Certificate": identity.subject[-36:],
        "Subject-From-Certificate": identity.subject,
        "Client-Certificate-Hash": fingerprint,
        "Certificate-Data": f'Hash={fingerprint};Subject="{identity.subject}"',
        "X-Forwarded-Client-Cert": f'Hash={fingerprint};Subject="{identity.subject}"',
        "X-SSL-Client-Cert": quote(identity.chain.read_text()),
        "Client-Cert": f":{b64encode(identity.chain.read_bytes()).decode()}:",
    }
    for name, value in claims.items():
        for spelled in (name, name.replace("-", "_"), name.lower()):
            header = ("--header", f"{spelled}: {value}", "--header", f"Connection: {spelled}")
            for path, method in PATHS.items():
                arguments = ("--request", method, *header)
                answer = curl(server, f"{server.urls['public']}{path}", *arguments)
                assert answer.json == FORBIDDEN, (spelled, path)


def answers(server: Server, application: str) -> Iterator[tuple[str, Answer]]:
    """Each token of a run with the answer to it: good, bad, ambiguous, and in the wrong place."""
    public = server.urls["public"]
    for query in QUERIES:
        token = server.token(application)
        texts = {"token": token, "encoded": quote(token, safe=""), "twice": twice(token), "stripped": token[:-2]}
        for path in (INFORMATION, CERTIFICATES, "/v1/applications/nothing", "/connector/graphql", "/console"):
            yield token, curl(server, f"{public}{path}?{query.format(**texts)}")


def test_no_token_is_logged_or_repeated(fresh_server: Server) -> None:
    """Whatever becomes of a token in a URL, neither the log nor an error holds it, encoded or not."""
    fresh_server.settings = {"CONNECTOR_LOG__LEVEL": "debug", "CONNECTOR_LOG__FORMAT": "json"}
    with fresh_server as server:
        application = server.application("legacy-secrecy")
        seen = list(answers(server, application))
        fetched = [a.json["csrUrl"].partition("?token=")[2] for _, a in seen if a.status == 200 and b"csrUrl" in a.body]
    log = server.log.read_text()
    assert len(fetched) == 4
    assert "request.refused" in log
    for token, answer in seen:
        assert token[:86] not in answer.body.decode("latin-1")
    for token in [*(token for token, _ in seen), *fetched]:
        assert token[:86] not in log
    assert all(json.loads(line) for line in log.splitlines() if line.startswith("{"))


def test_who_guesses_is_slowed_down(tmp_path: Path) -> None:
    """After so many wrong tokens an address gets 429 with Retry-After, in the legacy shape, for right ones too; spent
    ones are no guesses.
    """
    with Server(tmp_path / "data", settings={"CONNECTOR_LIMITS__ATTEMPTS": "2"}) as server:
        application = server.application("legacy-guesses")
        url = f"{server.urls['public']}{INFORMATION}?token="
        spent, good = (server.token(application) for _ in range(2))
        assert curl(server, url + spent).status == 200
        assert {curl(server, url + spent).status for _ in range(5)} == {403}
        assert [curl(server, f"{url}{token_urlsafe(64)}==").status for _ in range(4)] == [403, 403, 429, 429]
        slowed = curl(server, url + good)
        assert slowed.status == slowed.json["code"] == 429
        assert 1 <= int(slowed.headers["retry-after"]) <= 60
