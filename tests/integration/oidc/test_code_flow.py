"""People who sign in to the console at an issuer: the browser's way, on a real server, over a real HTTP issuer."""

import json
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.integration.oidc.issuer import DISCOVERY, Issuer, give, make_key, sign
from tests.support.console import Visitor, visitor
from tests.support.server import Server

CLIENT, SECRET = "the console", "s:cr%t of the client"
STARTED = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')
SESSION = "__Host-connector-session"


class SigningIssuer(Issuer):
    """An issuer at which ann signs in; ``said`` changes what its ID tokens say."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, Any] = {}
        self.asked_with: list[tuple[str | None, dict[str, str]]] = []
        self.challenges: dict[str, dict[str, str]] = {}
        self.begun = 0

    def authorize(self, url: str) -> dict[str, str]:
        """What happens when ann has signed in: the parameters with which she is sent back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.begun += 1
        code = f"code-{self.begun}"
        self.challenges[code] = asked
        return {"code": code, "state": asked["state"], "redirect_uri": asked["redirect_uri"]}

    def redeem(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """The token endpoint: each code once, with its verifier (RFC 7636 4.6)."""
        self.asked_with.append((handler.headers.get("authorization"), form))
        asked = self.challenges.pop(form["code"], None)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            give(handler, {"error": "invalid_grant"}, status=400)
            return
        now = datetime.now(UTC)
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "ann",
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "iat": int(now.timestamp()),
            "nonce": asked["nonce"],
            "roles": ["operator"],
            "tenants": ["default"],
        } | self.said
        give(handler, {"id_token": sign(claims, make_key()), "token_type": "Bearer"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(super()._handler()):  # type: ignore[misc]
            def do_POST(self) -> None:  # noqa: N802 - its base class asks for that name
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                issuer.redeem(self, {name: values[0] for name, values in parse_qs(body).items()})

        return Handler


@pytest.fixture(scope="module")
def issuer() -> Iterator[SigningIssuer]:
    issuer = SigningIssuer()
    issuer.start()
    issuer.publish(make_key())
    issuer.answers[DISCOVERY] |= {
        "authorization_endpoint": f"{issuer.url}/authorize?flavour=plain",
        "token_endpoint": f"{issuer.url}/token",
    }
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def signing(issuer: SigningIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose console sends people to the issuer."""
    settings = {
        "CONNECTOR_OIDC__ISSUER": issuer.url,
        "CONNECTOR_OIDC__CLIENT_ID": CLIENT,
        "CONNECTOR_OIDC__DISPLAY_NAME": "Acme <SSO>",
        "CONNECTOR_OIDC__CLIENT_SECRET": SECRET,
    }
    with Server(tmp_path_factory.mktemp("signing") / "data", settings=settings) as server:
        yield server


def begin(made: Visitor) -> str:
    """Press the button: the address of the issuer."""
    made.get("/console/sign-in")
    found = STARTED.search(made.post("/console/sign-in/elsewhere").text)
    assert found is not None
    return found[1].replace("&amp;", "&")


def come_back(made: Visitor, **parameters: str) -> int:
    """Where the issuer sends the browser back to: the status."""
    return made.http.get("/console/sign-in/callback", params=parameters).status_code


@pytest.fixture
def ann(issuer: SigningIssuer, signing: Server) -> Iterator[Visitor]:
    """Somebody's browser."""
    issuer.said = {}
    with visitor(signing) as made:
        yield made


def test_ann_signs_in_at_the_issuer(issuer: SigningIssuer, signing: Server, ann: Visitor) -> None:
    """By code and PKCE, with the client's secret; then she is an operator of her tenant, under her own name."""
    url = begin(ann)
    asked = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{issuer.url}/authorize?flavour=plain&")
    assert asked["response_type"] == ["code"]
    assert asked["scope"] == ["openid"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{signing.urls['public']}/console/sign-in/callback"]
    back = issuer.authorize(url)
    assert come_back(ann, code=back["code"], state=back["state"]) == 200
    authorization, form = issuer.asked_with[-1]
    assert authorization is not None
    assert b64decode(authorization.removeprefix("Basic ")).decode() == "the%20console:s%3Acr%25t%20of%20the%20client"
    assert form["grant_type"] == "authorization_code"

    page = ann.get("/console/t/default/applications")
    assert "Register an application" in page.text
    assert ann.post("/console/t/default/applications", name="by ann").status_code == 303
    assert "user:ann" in ann.get("/console/t/default/audit").text
    assert ann.http.get("/console/keys").status_code == 403


def test_sign_in_names_the_issuer(ann: Visitor) -> None:
    """The button, and the page that leads to the issuer, say what it is called."""
    assert "Sign in with <bdi>Acme &lt;SSO&gt;</bdi>" in ann.get("/console/sign-in").text
    assert "<bdi>Acme &lt;SSO&gt;</bdi>" in ann.post("/console/sign-in/elsewhere").text


def test_whoever_signed_in_elsewhere_has_no_password_here(issuer: SigningIssuer, ann: Visitor) -> None:
    """There is no page to change it, and no link to one."""
    back = issuer.authorize(begin(ann))
    assert come_back(ann, code=back["code"], state=back["state"]) == 200
    assert "/console/password" not in ann.get("/console/sessions").text
    answer = ann.get("/console/password")
    assert (answer.status_code, "Change your password at its issuer." in answer.text) == (404, True)


@pytest.mark.parametrize("audience", [{}, {"aud": None}, {"aud": [None]}, {"aud": ""}, {"aud": CLIENT}, {"aud": "x"}])
def test_api_takes_no_token_where_no_audience_is_set(
    issuer: SigningIssuer, signing: Server, audience: dict[str, Any]
) -> None:
    """Without oidc.audience no token of the issuer is good for the API, least of all one that names no audience."""
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": issuer.url,
        "sub": "ann",
        "exp": now + 600,
        "iat": now,
        "roles": ["administrator"],
        "tenants": ["*"],
    }
    token = sign({**claims, **audience}, make_key())
    with visitor(signing) as made:
        answer = made.http.post(
            "/director/graphql",
            json={"query": "{ tenants { data { id } } }"},
            headers={"Authorization": f"Bearer {token}"},
        )
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "oidc.audience is not set" in error["message"]


def test_an_answer_to_another_sign_in_is_refused(issuer: SigningIssuer, signing: Server, ann: Visitor) -> None:
    """Another browser's state, no cookie, a code that was used, none at all: nobody is signed in."""
    back = issuer.authorize(begin(ann))
    with visitor(signing) as other:
        assert come_back(other, code=back["code"], state=back["state"]) == 403
        begin(other)
        assert come_back(other, code=back["code"], state=back["state"]) == 403
        assert SESSION not in other.http.cookies
    assert come_back(ann, code=back["code"], state="A" * 43) == 403
    assert come_back(ann, error="access_denied", state=back["state"]) == 401
    assert come_back(ann, code=back["code"], state=back["state"]) == 200
    assert come_back(ann, code=back["code"], state=back["state"]) == 403


def test_a_code_of_another_sign_in_is_refused(issuer: SigningIssuer, signing: Server, ann: Visitor) -> None:
    """A code that was made for somebody else's sign-in does not fit this one's verifier."""
    with visitor(signing) as other:
        stolen = issuer.authorize(begin(other))["code"]
    back = issuer.authorize(begin(ann))
    assert come_back(ann, code=stolen, state=back["state"]) == 401
    assert SESSION not in ann.http.cookies


@pytest.mark.parametrize(
    "said",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "connector"},
        {"aud": [CLIENT, "x"], "azp": "x"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"roles": []},
        {"tenants": []},
        {"sub": "a\u202eb"},
    ],
)
def test_an_id_token_that_does_not_fit_is_refused(issuer: SigningIssuer, ann: Visitor, said: dict[str, Any]) -> None:
    """Another nonce, audience, party, issuer, time, no role, no tenant, a name that turns around: nobody comes in."""
    issuer.said = said
    back = issuer.authorize(begin(ann))
    assert come_back(ann, code=back["code"], state=back["state"]) == 401
    assert SESSION not in ann.http.cookies


def test_an_issuer_that_is_away(issuer: SigningIssuer, ann: Visitor) -> None:
    """The page says so, and that one can sign in by password."""
    issuer.stop()
    ann.get("/console/sign-in")
    answer = ann.post("/console/sign-in/elsewhere")
    issuer.start()
    assert answer.status_code == 401
    assert "cannot be reached" in answer.text


def test_no_secret_of_it_is_logged(signing: Server) -> None:
    """Neither the client's secret nor a code stands in the log."""
    log = signing.log.read_text()
    assert SECRET not in log
    assert "code-" not in log
    assert json.dumps(CLIENT) not in log
