"""An issuer on loopback that the test holds in its hand: what it answers, whether it is there, who asked."""

import asyncio
import json
import ssl
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from connector.domain.principals import Caller
from connector.domain.refusals.callers import JWTRefused
from connector.oidc import OIDC, OIDCPolicy

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/jwks"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUDIENCE = "connector"

Key = RSAKey | ECKey | OKPKey | OctKey


class Clock:
    """The time, as the test sets it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@cache
def make_key(kid: str = "first", algorithm: str = "RS256") -> Key:
    """A key that signs by the algorithm."""
    parameters: Any = {"kid": kid, "use": "sig", "alg": algorithm}
    if algorithm.startswith("ES"):
        return ECKey.generate_key("P-256", parameters)
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


def claims(issuer: "Issuer", **changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves the claim out."""
    said = {
        "iss": issuer.url,
        "aud": AUDIENCE,
        "sub": "ann",
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "iat": int(NOW.timestamp()),
        "roles": ["operator"],
        "tenants": ["acme"],
    } | changes
    return {name: value for name, value in said.items() if value is not None}


def encode(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def sign(said: dict[str, Any] | bytes, key: Key, *, by: str | None = None, **header: Any) -> str:
    """A token signed by the key, put together by hand so that anything can be in it; ``by`` differs from ``alg``."""
    top = {"alg": key.alg, "typ": "JWT", "kid": key.kid} | header
    return sign_raw(json.dumps({name: value for name, value in top.items() if value is not None}), said, key, by=by)


def sign_raw(header: str, said: dict[str, Any] | bytes, key: Key, *, by: str | None = None) -> str:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    text = f"{encode(header.encode())}.{encode(body)}"
    return f"{text}.{encode(jws.JWSRegistry.algorithms[by or str(key.alg)].sign(text.encode(), key))}"


class Issuer:
    """A real HTTP server. ``answers`` holds for each path a JSON value, octets, or a function that answers."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.closing = Event()
        self._tls = tls
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> Self:
        """Listen: the first time on a free port, then always there."""
        self.closing.clear()
        server = self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        server.daemon_threads = True
        self._port = server.server_address[1]
        if self._tls is not None:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def stop(self) -> None:
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    def publish(self, *keys: Key | dict[str, Any]) -> None:
        """Discovery, and a JWK Set of the public halves; a dict goes in as it is."""
        entries = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]
        self.answers[DISCOVERY] = {"issuer": self.url, "jwks_uri": f"{self.url}{JWKS}"}
        self.answers[JWKS] = {"keys": entries}

    def fetches(self) -> int:
        return self.asked.count(JWKS)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                answer = issuer.answers.get(self.path)
                # Who asked may have gone: that is what some tests are about.
                with suppress(ConnectionError):
                    if callable(answer):
                        answer(self)
                    else:
                        give(self, answer, status=404 if answer is None else 200)

            def log_message(self, format: str, *args: Any) -> None:
                """Be silent."""

        return Handler


def give(handler: BaseHTTPRequestHandler, value: Any, *, status: int = 200, **headers: str) -> None:
    """Answer with the octets, or with the value as JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(status)
    for name, text in headers.items():
        handler.send_header(name.replace("_", "-"), text)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@asynccontextmanager
async def trusting(issuer: Issuer, clock: Callable[[], datetime] | None = None, **changes: Any) -> AsyncIterator[OIDC]:
    """Whoever trusts the issuer."""
    policy = OIDCPolicy(**({"issuer": issuer.url, "audience": AUDIENCE} | changes))
    oidc = OIDC(policy, clock=clock or Clock(), chance=lambda: 1.0)
    try:
        yield oidc
    finally:
        await oidc.close()


def ask(issuer: Issuer, text: str, **changes: Any) -> Caller:
    """Who calls with the text, found out by somebody who has just started."""

    async def scenario() -> Caller:
        async with trusting(issuer, **changes) as oidc:
            return await oidc.caller(text)

    return asyncio.run(scenario())


def refusal(issuer: Issuer, text: str, **changes: Any) -> str:
    """Why the text is refused. Nothing of it may be in the refusal, nor in what led to it."""
    with pytest.raises(JWTRefused) as caught:
        ask(issuer, text, **changes)
    assert_silent(caught.value, text)
    return str(caught.value)


async def refused(attempt: Awaitable[Caller]) -> str:
    """Why the attempt is refused."""
    try:
        await attempt
    except JWTRefused as error:
        return str(error)
    pytest.fail("the token was accepted")


def assert_silent(error: BaseException, text: str) -> None:
    assert error.__context__ is None
    assert error.__cause__ is None
    said = f"{error!s} {error!r} {error.args!r}"
    own = f"{type(error)()!s} {type(error).__name__}"  # words that are said of any token
    assert [part for part in text.split(".") if len(part) > 4 and part in said and part not in own] == []
