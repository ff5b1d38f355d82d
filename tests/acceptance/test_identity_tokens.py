"""Identity tokens of running servers, before a verifier that was not written here (PyJWT)."""

import json
import shutil
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from tests.support.postgres import Postgres
from tests.support.server import Identity, Server

EVERYBODYS, ACMES = "https://kubernetes.example.com", "https://acme.example.com"
SETTINGS = {
    "CONNECTOR_IDENTITY_TOKENS__AUDIENCES": json.dumps(
        [{"name": EVERYBODYS, "tenants": ["*"]}, {"name": ACMES, "tenants": ["acme"]}]
    ),
    "CONNECTOR_IDENTITY_TOKENS__LIFETIME": "2m",
    "CONNECTOR_GATEWAYS__PROXIES": "127.0.0.1,::1",
}
SECONDS = 30.0
GRANT = {"grant_type": "client_credentials", "audience": EVERYBODYS}


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a certificate at a server."""

    server: Server
    identity: Identity
    application: str = ""

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.identity.chain.read_bytes())[0]

    def post(self, given: Any, **more: Any) -> httpx2.Response:
        """Ask the token endpoint."""
        with httpx2.Client(verify=context(self.server, self.identity)) as client:
            return client.post(f"{self.server.urls['mtls']}/oauth2/token", data=given, **more)

    def token(self, audience: str = EVERYBODYS) -> str:
        """A token; waited for while the server makes its first key."""
        deadline = time.monotonic() + SECONDS
        while (answer := self.post({**GRANT, "audience": audience})).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def revoke(self) -> None:
        self.server.command("revoke", f"{self.certificate.serial_number:x}")


def context(server: Server, identity: Identity | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=server.root.decode())
    if identity is not None:
        made.load_cert_chain(identity.chain, identity.key)
    return made


def enrolled(server: Server, directory: Path, name: str) -> Holder:
    application = server.application(name)
    return Holder(server, server.enroll(server.token(application), directory / name), application)


def public(server: Server, path: str) -> httpx2.Response:
    with httpx2.Client(verify=context(server)) as client:
        return client.get(f"{server.urls['public']}{path}")


def verified(server: Server, token: str, audience: str = EVERYBODYS) -> Mapping[str, Any]:
    """The claims, by a verifier that knows nothing but the issuer's URL."""
    found = public(server, "/.well-known/openid-configuration").json()
    assert found["issuer"] == server.urls["public"]
    key = jwt.PyJWKClient(found["jwks_uri"], ssl_context=context(server)).get_signing_key_from_jwt(token)
    required = ["exp", "iat", "nbf", "aud", "iss", "sub", "jti"]
    claims: Mapping[str, Any] = jwt.decode(
        token, key, algorithms=["ES256"], audience=audience, issuer=found["issuer"], options={"require": required}
    )
    return claims


def judged(server: Server, token: str) -> Mapping[str, Any]:
    """What introspection says."""
    answer = httpx2.post(f"{server.urls['internal']}/oauth2/introspect", data={"token": token})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


@pytest.fixture(scope="module", name="served")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("identity") / "data", settings=SETTINGS) as server:
        yield server


def test_a_verifier_learns_who_the_holder_is(served: Server, tmp_path: Path) -> None:
    """By the issuer's URL alone: audience, times, ids, name, and the certificate to which the token is bound. To the
    gateway that asks, the token is active.
    """
    holder = enrolled(served, tmp_path, "billing")
    token = holder.token()
    claims = verified(served, token)

    fingerprint = urlsafe_b64encode(holder.certificate.fingerprint(SHA256())).decode().rstrip("=")
    auth = holder.certificate.subject.rfc4514_string().partition("CN=")[2].partition(",")[0]
    assert {**claims, "iat": 0, "nbf": 0, "exp": 0, "jti": ""} == {
        "iss": served.urls["public"],
        "aud": EVERYBODYS,
        "sub": f"application:{holder.application}",
        "client_id": auth,
        "tenant": "default",
        "kind": "Application",
        "id": holder.application,
        "name": "billing",
        "cnf": {"x5t#S256": fingerprint},
        "iat": 0,
        "nbf": 0,
        "exp": 0,
        "jti": "",
    }
    assert claims["exp"] - claims["iat"] == 120
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert judged(served, token) == {"active": True, **claims}
    assert holder.token() != token


def test_the_answer_is_one_of_oauth(served: Server, tmp_path: Path) -> None:
    """Type and lifetime (RFC 6749 5.1), and no cache keeps it; the metadata of RFC 8414 and of OpenID Connect lead to
    it.
    """
    holder = enrolled(served, tmp_path, "answer")
    holder.token()
    answer = holder.post(GRANT)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 120)

    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        found = public(served, path).json()
        assert found["mtls_endpoint_aliases"] == {"token_endpoint": f"{served.urls['mtls']}/oauth2/token"}
        assert found["tls_client_certificate_bound_access_tokens"] is True
        assert public(served, found["jwks_uri"].removeprefix(served.urls["public"])).headers["cache-control"] == (
            "public, max-age=300"
        )


def test_a_revoked_holder_gets_none_and_has_none(served: Server, tmp_path: Path) -> None:
    """With the next request: no token, and for whoever asks, none that was made before."""
    holder = enrolled(served, tmp_path, "revoked")
    token = holder.token()
    assert judged(served, token)["active"]
    holder.revoke()
    assert judged(served, token) == {"active": False}
    refused = holder.post(GRANT)
    assert refused.status_code == 401
    assert refused.json()["error"] == "invalid_client"
    assert "revoked" in refused.json()["error_description"]


@pytest.mark.parametrize(
    ("given", "status", "error"),
    [
        ({**GRANT, "audience": ACMES}, 400, "invalid_target"),
        ({**GRANT, "audience": "https://nobody.example.com"}, 400, "invalid_target"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        ({"audience": EVERYBODYS}, 400, "invalid_request"),
        ({**GRANT, "grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({**GRANT, "audience": [EVERYBODYS, ACMES]}, 400, "invalid_request"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused(
    served: Server, tmp_path: Path, given: Mapping[str, Any], status: int, error: str
) -> None:
    """Another tenant's audience, none, two, and another grant: each with the code of RFC 6749 or RFC 8707."""
    holder = enrolled(served, tmp_path, f"wrong-{abs(hash(str(given)))}")
    answer = holder.post(given)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_without_a_certificate_there_is_none(served: Server, tmp_path: Path) -> None:
    """Not even a connection; on the public listener the same path is that of client secrets. With one, there is none by
    another method, nor for parameters in the URL or in JSON.
    """
    url = f"{served.urls['mtls']}/oauth2/token"
    with httpx2.Client(verify=context(served)) as client:
        with pytest.raises(httpx2.HTTPError, match="CERTIFICATE_REQUIRED"):
            client.post(url, data=GRANT)
        assert client.post(f"{served.urls['public']}/oauth2/token", data=GRANT).status_code == 401
    holder = enrolled(served, tmp_path, "get")
    with httpx2.Client(verify=context(served, holder.identity)) as client:
        assert client.get(url, params=GRANT).status_code == 405
        assert client.post(url, params=GRANT).json()["error"] == "invalid_request"
        assert client.post(url, json=GRANT).json()["error"] == "invalid_request"


def test_only_named_gateways_ask(served: Server, tmp_path: Path) -> None:
    """Nobody else is told whether a token holds, neither here nor on another listener; without a token there is no
    answer.
    """
    url = f"{served.urls['internal']}/oauth2/introspect"
    assert httpx2.post(url, data={}).json()["error"] == "invalid_request"
    assert httpx2.get(url).status_code == 405
    holder = enrolled(served, tmp_path, "asks")
    for listener in ("public", "mtls"):
        with httpx2.Client(verify=context(served, holder.identity)) as client:
            assert client.post(f"{served.urls[listener]}/oauth2/introspect", data={"token": "x"}).status_code == 404
    strange = {**SETTINGS, "CONNECTOR_GATEWAYS__PROXIES": "192.0.2.1"}
    with Server(tmp_path / "strange" / "data", settings=strange) as server:
        answer = httpx2.post(f"{server.urls['internal']}/oauth2/introspect", data={"token": "x"})
        assert (answer.status_code, answer.json()["error"]) == (403, "proxy_unknown")


def test_without_audiences_there_is_nothing(server: Server, tmp_path: Path) -> None:
    """An installation that named nobody has neither endpoint, nor keys."""
    holder = enrolled(server, tmp_path, "none")
    assert holder.post(GRANT).status_code == 404
    assert public(server, "/oauth2/jwks").status_code == 404
    assert "jwks_uri" not in public(server, "/.well-known/oauth-authorization-server").json()
    assert not (server.data / "token-keys").exists()


def test_a_removed_key_ends_its_tokens(served: Server, tmp_path: Path) -> None:
    """Within seconds its tokens are not active, verifiers do not find it, and others sign; its file is gone."""
    holder = enrolled(served, tmp_path, "removed")
    token = holder.token()
    (former,) = [each["id"] for each in json.loads(served.command("identity-key", "list", "--json").stdout)]
    assert jwt.get_unverified_header(token)["kid"] == former
    served.command("identity-key", "remove", former, "--yes")
    deadline = time.monotonic() + SECONDS
    while judged(served, token)["active"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert judged(served, token) == {"active": False}
    with pytest.raises(jwt.PyJWKClientError):
        verified(served, token)
    newer = holder.token()
    assert jwt.get_unverified_header(newer)["kid"] != former
    verified(served, newer)
    files = [each.name for each in (served.data / "token-keys").glob("*.key")]
    assert files == [f"{jwt.get_unverified_header(newer)['kid']}.key"]
    listed = json.loads(served.command("identity-key", "list", "--json").stdout)
    assert [(each["id"] == former, each["removedAt"] is not None) for each in listed] == [(True, True), (False, False)]


def test_the_keys_outlive_a_restart(tmp_path: Path) -> None:
    """A token that was made before is good after it, and the key is the same; with a passphrase its file is encrypted,
    and only its owner can read it.
    """
    settings = {**SETTINGS, "CONNECTOR_CA__PASSPHRASE": "correct horse", "CONNECTOR_SERVING__WORKERS": "2"}
    server = Server(tmp_path / "data", settings=settings, keeps_ports=True)
    with server:
        holder = enrolled(server, tmp_path, "restart")
        token = holder.token()
        (path,) = (server.data / "token-keys").glob("*.key")
        assert b"ENCRYPTED" in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        server.stop()
        server.start()
        assert jwt.get_unverified_header(holder.token())["kid"] == jwt.get_unverified_header(token)["kid"]
        assert judged(server, token)["active"]
        verified(server, token)


def test_a_spiffe_id_is_the_subject(tmp_path: Path) -> None:
    """Where a trust domain is set, the subject is the id that certificates of that profile have."""
    settings = {
        **SETTINGS,
        "CONNECTOR_CERTIFICATES__SPIFFE_TRUST_DOMAIN": "example.org",
        "CONNECTOR_CERTIFICATES__PROFILE": "spiffe",
    }
    with Server(tmp_path / "data", settings=settings) as server:
        holder = enrolled(server, tmp_path, "spiffe")
        names = holder.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (expected,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        assert verified(server, holder.token())["sub"] == expected


def test_replicas_have_their_own_keys_and_know_each_others(tmp_path: Path, postgresql: Postgres) -> None:
    """A token of one replica is good at the other, for its verifiers and by introspection; no replica has the other's
    private key.
    """
    with postgresql.database() as url:
        settings = {**SETTINGS, "CONNECTOR_DATABASE__URL": url, "CONNECTOR_URLS__PUBLIC": "https://localhost"}
        with Server(tmp_path / "one" / "data", settings=settings) as one:
            other = tmp_path / "two" / "data"
            other.mkdir(mode=0o700, parents=True)
            shutil.copytree(one.data / "ca", other / "ca")
            with Server(other, settings=settings) as two:
                first = enrolled(one, tmp_path, "replicas")
                tokens = [first.token(), Holder(two, first.identity).token()]
                kids = [jwt.get_unverified_header(each)["kid"] for each in tokens]
                assert len(set(kids)) == 2
                for server, kid in zip((one, two), kids, strict=True):
                    assert [each.stem for each in (server.data / "token-keys").glob("*.key")] == [kid]
                    until_listed(server, kids)
                    assert all(judged(server, each)["active"] for each in tokens)
                first.revoke()
                assert [judged(server, each)["active"] for server in (one, two) for each in tokens] == [False] * 4


def until_listed(server: Server, kids: list[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while {each["kid"] for each in public(server, "/oauth2/jwks").json()["keys"]} != set(kids):
        assert time.monotonic() < deadline
        time.sleep(0.1)
