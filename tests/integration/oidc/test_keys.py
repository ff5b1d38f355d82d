"""The issuer's keys: how they are fetched, kept, and missed."""

import asyncio
import gzip
import json
import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey, OKPKey, RSAKey
from tests.integration.oidc.issuer import (
    DISCOVERY,
    JWKS,
    NOW,
    Clock,
    Issuer,
    ask,
    claims,
    give,
    make_key,
    refusal,
    refused,
    sign,
    trusting,
)
from tests.support.ca import CA

from connector.oidc import OIDC
from connector.oidc.jwks import read_keys

UNREACHABLE = "the OpenID Connect issuer cannot be reached"


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, but not for long."""
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.01)


def test_a_new_key_is_taken_after_one_fetch(issuer: Issuer) -> None:
    """A token signed by a key that is new at the issuer is taken, at the cost of one fetch."""
    clock, new = Clock(), make_key("new", "ES256")

    async def scenario() -> None:
        async with trusting(issuer, clock) as oidc:
            await oidc.caller(sign(claims(issuer), make_key()))
            issuer.publish(make_key(), new)
            clock.advance(seconds=11)
            assert (await oidc.caller(sign(claims(issuer), new))).name == "ann"
            assert (await oidc.caller(sign(claims(issuer), make_key()))).name == "ann"

    asyncio.run(scenario())
    assert issuer.fetches() == 2


def test_a_withdrawn_key_is_taken_no_more(issuer: Issuer) -> None:
    """Once the keys have been fetched, those that the issuer withdrew are not known."""
    clock, new = Clock(), make_key("new")

    async def scenario() -> str:
        async with trusting(issuer, clock) as oidc:
            await oidc.caller(sign(claims(issuer), make_key()))
            issuer.publish(new)
            clock.advance(seconds=11)
            await oidc.caller(sign(claims(issuer), new))
            return await refused(oidc.caller(sign(claims(issuer), make_key())))

    assert "not one of the issuer's" in asyncio.run(scenario())


def test_a_burst_of_unknown_keys_causes_one_fetch(issuer: Issuer) -> None:
    """However many tokens of unknown keys come, at once or after another, the issuer is asked once in ten seconds."""
    clock = Clock()

    async def burst(oidc: OIDC, name: str) -> set[str]:
        tokens = [sign(claims(issuer), make_key(), kid=f"{name} {number}") for number in range(50)]
        return set(await asyncio.gather(*(refused(oidc.caller(token)) for token in tokens)))

    async def scenario() -> list[int]:
        counts = []
        async with trusting(issuer, clock) as oidc:
            await oidc.caller(sign(claims(issuer), make_key()))
            for seconds in (11, 9.9, 0.2, -3600, 5):
                clock.advance(seconds=seconds)
                assert len(await burst(oidc, f"after {seconds}")) == 1
                counts.append(issuer.fetches())
        return counts

    # A clock that is set back by an hour must not silence us for that hour.
    assert asyncio.run(scenario()) == [2, 2, 3, 4, 4]


def test_who_waits_may_go(issuer: Issuer) -> None:
    """A caller who goes away while the keys are fetched ends the fetch for nobody else."""
    issuer.answers[DISCOVERY] = slowly(issuer.answers[DISCOVERY], 0.2)
    token = sign(claims(issuer), make_key())

    async def scenario() -> None:
        async with trusting(issuer) as oidc:
            first = asyncio.create_task(oidc.caller(token))
            second = asyncio.create_task(oidc.caller(token))
            await asyncio.sleep(0.05)
            first.cancel()
            assert (await second).name == "ann"

    asyncio.run(scenario())
    assert issuer.fetches() == 1


def test_while_the_issuer_is_away(issuer: Issuer) -> None:
    """Known keys go on working for a day, unknown ones are refused with the reason; ailing() tells, and it ends."""
    clock, new = Clock(), make_key("new")
    old_token, new_token = sign(claims(issuer, exp=2**33), make_key()), sign(claims(issuer, exp=2**33), new)

    async def scenario() -> None:
        async with trusting(issuer, clock) as oidc:
            assert oidc.ailing() is None
            await oidc.caller(old_token)
            assert oidc.ailing() is None
            issuer.stop()
            clock.advance(seconds=11)
            assert UNREACHABLE in await refused(oidc.caller(new_token))
            assert (await oidc.caller(old_token)).name == "ann"
            assert str(oidc.ailing()).startswith(f"The OpenID Connect issuer {issuer.url} cannot be reached: ")
            assert str(oidc.ailing()).endswith(" since 2026-03-01T12:00:11+00:00.")
            clock.now = NOW + timedelta(hours=24)
            assert (await oidc.caller(old_token)).name == "ann"
            clock.advance(seconds=1)
            assert UNREACHABLE in await refused(oidc.caller(old_token))
            assert str(oidc.ailing()).endswith(" since 2026-03-01T12:00:11+00:00.")
            issuer.publish(new)
            issuer.start()
            clock.advance(seconds=11)
            assert (await oidc.caller(new_token)).name == "ann"
            assert oidc.ailing() is None

    asyncio.run(scenario())


def test_it_starts_and_recovers_without_the_issuer(issuer: Issuer) -> None:
    """An issuer that is away at the start stops nothing; once it is there its keys are fetched by themselves."""
    issuer.stop()

    async def scenario() -> None:
        async with trusting(issuer, refresh=timedelta(milliseconds=50)) as oidc:
            loop = asyncio.create_task(oidc.keep_fresh())
            await until(lambda: oidc.ailing() is not None)
            issuer.start()
            await until(lambda: oidc.ailing() is None)
            before = issuer.fetches()
            assert (await oidc.caller(sign(claims(issuer), make_key()))).name == "ann"
            await until(lambda: issuer.fetches() > before + 1)
            loop.cancel()

    asyncio.run(scenario())


def test_keys_are_there_before_they_are_wanted(issuer: Issuer) -> None:
    """The loop's first fetch spares the first token the wait."""

    async def scenario() -> None:
        async with trusting(issuer) as oidc:
            loop = asyncio.create_task(oidc.keep_fresh())
            await until(lambda: issuer.fetches() == 1)
            assert (await oidc.caller(sign(claims(issuer), make_key()))).name == "ann"
            loop.cancel()

    asyncio.run(scenario())
    assert issuer.fetches() == 1


def test_closing_ends_a_fetch(issuer: Issuer) -> None:
    """To close waits for no issuer."""
    issuer.answers[DISCOVERY] = hang(issuer)

    async def scenario() -> float:
        async with trusting(issuer) as oidc:
            waiting = asyncio.create_task(oidc.caller(sign(claims(issuer), make_key())))
            await until(lambda: issuer.asked == [DISCOVERY])
            began = time.monotonic()
            await oidc.close()
            assert UNREACHABLE in await refused(waiting)
            return time.monotonic() - began

    assert asyncio.run(scenario()) < 15


def slowly(value: Any, seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        give(handler, value)

    return answer


def hang(issuer: Issuer) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        issuer.closing.wait(30)

    return answer


def drip(issuer: Issuer) -> Callable[[BaseHTTPRequestHandler], None]:
    """An octet now and then: each read is in time, and all of them never end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            if issuer.closing.wait(0.05):
                return

    return answer


def redirect(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: give(handler, {}, status=302, location=to)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body without a length, of which more than half a MiB is never to be read."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b" " * 65536)


def packed(value: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: give(handler, gzip.compress(json.dumps(value).encode()), content_encoding="gzip")


Break = Callable[[Issuer], object]


def always(value: object) -> Break:
    return lambda _: value


BREAKS: dict[str, tuple[str, str, Break]] = {
    "discovery is of another issuer": (
        DISCOVERY,
        "names another issuer",
        lambda issuer: {"issuer": "https://evil.example", "jwks_uri": f"{issuer.url}{JWKS}"},
    ),
    "discovery of an issuer with a slash more": (
        DISCOVERY,
        "names another issuer",
        lambda issuer: {"issuer": f"{issuer.url}/", "jwks_uri": f"{issuer.url}{JWKS}"},
    ),
    "discovery without jwks_uri": (DISCOVERY, "no jwks_uri", lambda issuer: {"issuer": issuer.url}),
    "jwks_uri that is no text": (DISCOVERY, "no jwks_uri", lambda issuer: {"issuer": issuer.url, "jwks_uri": [1]}),
    "jwks_uri by http elsewhere": (
        DISCOVERY,
        "no jwks_uri",
        lambda issuer: {"issuer": issuer.url, "jwks_uri": "http://192.0.2.1/jwks"},
    ),
    "jwks_uri that is a file": (
        DISCOVERY,
        "no jwks_uri",
        lambda issuer: {"issuer": issuer.url, "jwks_uri": "file:///etc/passwd"},
    ),
    "jwks_uri with a port that is none": (
        DISCOVERY,
        "no jwks_uri",
        lambda issuer: {"issuer": issuer.url, "jwks_uri": "http://127.0.0.1:99999/"},
    ),
    "jwks_uri whose host is no name": (
        DISCOVERY,
        "JWK Set failed",
        lambda issuer: {"issuer": issuer.url, "jwks_uri": "https://xn--/"},
    ),
    "discovery is no JSON": (DISCOVERY, "not a JSON object", always(b"<html>")),
    "discovery redirects": (DISCOVERY, "status 302", lambda issuer: redirect(f"{issuer.url}/elsewhere")),
    "discovery hangs": (DISCOVERY, "cannot be reached", hang),
    "discovery drips": (DISCOVERY, "took more than 0.3 s", drip),
    "JWK Set redirects": (JWKS, "status 302", lambda issuer: redirect(f"{issuer.url}/elsewhere")),
    "JWK Set hangs": (JWKS, "cannot be reached", hang),
    "JWK Set is missing": (JWKS, "status 404", always(None)),
    "JWK Set is huge": (JWKS, "longer than 512 KiB", always(b" " * (512 * 1024 + 1))),
    "JWK Set is endless": (JWKS, "longer than 512 KiB", always(endless)),
    "JWK Set is compressed": (JWKS, "is compressed", lambda issuer: packed(issuer.answers["/elsewhere"])),
    "JWK Set of 101 keys": (JWKS, "at most 100 keys", always({"keys": [{}] * 101})),
    "JWK Set without keys": (JWKS, "at most 100 keys", always({"keys": {"kty": "RSA"}})),
    "JWK Set is empty": (JWKS, "none for signatures", always({"keys": []})),
    "JWK Set is a list": (JWKS, "not a JSON object", always([])),
}


@pytest.mark.parametrize(("path", "words", "make"), BREAKS.values(), ids=BREAKS)
def test_an_issuer_that_answers_wrongly_gives_no_keys(issuer: Issuer, path: str, words: str, make: Break) -> None:
    """No key comes from an issuer that is not as it must be; the token is refused in time, and ailing() says why."""
    issuer.answers["/elsewhere"] = issuer.answers[path]
    issuer.answers[path] = make(issuer)
    began = time.monotonic()

    async def scenario() -> tuple[str, str | None]:
        async with trusting(issuer, timeout=timedelta(seconds=0.3)) as oidc:
            return await refused(oidc.caller(sign(claims(issuer), make_key()))), oidc.ailing()

    message, ailing = asyncio.run(scenario())

    assert UNREACHABLE in message
    assert words in str(ailing)
    assert "/elsewhere" not in issuer.asked
    assert time.monotonic() - began < 15


def test_of_a_name_that_stands_twice_none_is_taken(issuer: Issuer) -> None:
    """A discovery document that names its issuer twice is not believed."""
    both = f'{{"issuer":"https://evil.example","issuer":"{issuer.url}","jwks_uri":"{issuer.url}{JWKS}"}}'
    issuer.answers[DISCOVERY] = both.encode()

    assert UNREACHABLE in refusal(issuer, sign(claims(issuer), make_key()))


def test_only_public_keys_for_signatures_are_taken(issuer: Issuer) -> None:
    """A key that is symmetric, private, for encryption, too short, or no key at all, is left out; good ones stay."""
    good = make_key().as_dict(private=False)
    short = RSAKey.generate_key(2048).as_dict(private=False) | {"kid": "short", "n": "AQAB"}
    entries: list[Any] = [
        OctKey.generate_key(256, {"kid": "oct", "use": "sig"}).as_dict(private=True),
        make_key("private").as_dict(private=True),
        good | {"kid": "encrypts", "use": "enc"},
        good | {"kid": "use is no text", "use": ["sig"]},
        good | {"kid": "signs", "key_ops": ["sign"]},
        good | {"kid": "operations are a text", "key_ops": "verify"},
        good | {"kid": 7},
        good | {"kid": "no modulus", "n": None},
        good | {"kid": "not base64", "n": "=" * 400},
        good | {"kid": "e is even", "e": "AA"},
        good | {"kid": "16 KiB", "n": "A" * 16384},
        good | {"kid": "9000 bits", "n": "_" * 1500},
        short,
        OKPKey.generate_key("X25519", {"kid": "agreement"}).as_dict(private=False),
        OKPKey.generate_key("Ed448", {"kid": "ed448"}).as_dict(private=False),
        make_key("ec", "ES256").as_dict(private=False) | {"kid": "curve", "crv": "secp256k1"},
        make_key("ec", "ES256").as_dict(private=False) | {"kid": "off the curve", "x": "A" * 43},
        make_key("ec", "ES256").as_dict(private=False) | {"kid": "no y", "y": ""},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "EC", "kid": "empty"},
        {"kty": ["RSA"]},
        {},
        None,
        "RSA",
        good | {"kid": "verifies", "key_ops": ["verify"]},
    ]

    assert [key.kid for key in read_keys([*entries, good])] == ["verifies", "first"]
    issuer.publish(*(entry for entry in entries if isinstance(entry, dict)), good)
    assert ask(issuer, sign(claims(issuer), make_key())).name == "ann"


def test_a_symmetric_key_verifies_nothing(issuer: Issuer) -> None:
    """An HMAC by a key that the issuer itself published is refused."""
    secret = OctKey.generate_key(256, {"kid": "oct", "use": "sig", "alg": "HS256"})
    issuer.publish(make_key(), secret.as_dict(private=True))

    assert "not signed in a way that is allowed" in refusal(issuer, sign(claims(issuer), secret))
    assert "not one of the issuer's" in refusal(issuer, sign(claims(issuer), secret, alg="RS256", by="HS256"))


def test_tls_is_verified(tmp_path: Path) -> None:
    """An issuer by https is asked only where its certificate leads to a trust anchor, the settings' or the system's."""
    ca = CA.make()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server().write(tmp_path / "server.pem", ca.issuing))
    anchor = tmp_path / "root.pem"
    anchor.write_bytes(ca.root.pem)
    issuer = Issuer(context).start()
    issuer.publish(make_key())
    token = sign(claims(issuer), make_key())

    assert ask(issuer, token, ca_file=anchor).name == "ann"
    assert UNREACHABLE in refusal(issuer, token)
    issuer.answers[DISCOVERY] = {"issuer": issuer.url, "jwks_uri": "http://127.0.0.1:1/jwks"}
    assert UNREACHABLE in refusal(issuer, token, ca_file=anchor)
    issuer.stop()
