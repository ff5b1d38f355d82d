"""Tokens of an OpenID Connect issuer: which are taken, for whom, and which never are."""

import asyncio
import hmac
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.oidc.issuer import (
    NOW,
    Clock,
    Issuer,
    Key,
    ask,
    assert_silent,
    claims,
    encode,
    make_key,
    refusal,
    refused,
    sign,
    sign_raw,
    trusting,
)

from connector.domain.principals import Caller, Role
from connector.domain.refusals.callers import JWTRefused
from connector.oidc import OIDC, OIDCPolicy

SECONDS = int(NOW.timestamp())


@pytest.fixture(scope="module")
def shared() -> Iterator[Issuer]:
    """One issuer for all examples of a property."""
    one = Issuer().start()
    one.publish(make_key())
    yield one
    one.stop()


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_good_token(issuer: Issuer, algorithm: str) -> None:
    """A token signed by a key of the issuer, for us and for now, tells who calls, in each algorithm of the default."""
    key = make_key("one", algorithm)
    issuer.publish(key)

    caller = ask(issuer, sign(claims(issuer), key))

    assert caller == Caller("ann", "user:ann", Role.OPERATOR, frozenset({"acme"}))


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_types_that_are_taken(issuer: Issuer, kind: str | None) -> None:
    """A token is of the type JWT, or an access token by RFC 9068, or says nothing of its type."""
    assert ask(issuer, sign(claims(issuer), make_key(), typ=kind)).name == "ann"


def test_unknown_header_parameters_are_passed_over(issuer: Issuer) -> None:
    """A header parameter that we do not know, and that is not critical, changes nothing (RFC 7515 4)."""
    assert ask(issuer, sign(claims(issuer), make_key(), ver=2, x5t="abc")).name == "ann"


def test_without_kid_one_key_must_fit(issuer: Issuer) -> None:
    """A token without a kid is taken where exactly one key fits its algorithm, and refused where two do."""
    first, other, second = make_key(), make_key("ec", "ES256"), make_key("second")
    token = sign(claims(issuer), first, kid=None)

    issuer.publish(first, other)
    assert ask(issuer, token).name == "ann"
    issuer.publish(first, other, second)
    assert "does not say by which key" in refusal(issuer, token)


def hmac_by_the_public_key(issuer: Issuer, key: Key) -> str:
    # By hand: the library rightly refuses to make an HMAC key of a public key.
    text = f"{encode(json.dumps({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid}).encode())}."
    text += encode(json.dumps(claims(issuer)).encode())
    return f"{text}.{encode(hmac.digest(key.as_pem(private=False), text.encode(), 'sha256'))}"


def unsigned(issuer: Issuer, key: Key) -> str:
    header = encode(json.dumps({"alg": "none", "kid": key.kid}).encode())
    return f"{header}.{encode(json.dumps(claims(issuer)).encode())}."


def signature_removed(issuer: Issuer, key: Key) -> str:
    return sign(claims(issuer), key).rsplit(".", 1)[0] + "."


def payload_changed(issuer: Issuer, key: Key) -> str:
    header, _, signature = sign(claims(issuer), key).split(".")
    return f"{header}.{encode(json.dumps(claims(issuer, roles='administrator')).encode())}.{signature}"


def header_changed(issuer: Issuer, key: Key) -> str:
    _, payload, signature = sign(claims(issuer), key).split(".")
    return f"{encode(json.dumps({'alg': 'RS256', 'kid': key.kid, 'more': 1}).encode())}.{payload}.{signature}"


def signed_by_another(issuer: Issuer, key: Key) -> str:
    return sign(claims(issuer), make_key("strange"), kid=key.kid)


def twice_in_the_header(issuer: Issuer, key: Key) -> str:
    return sign_raw(f'{{"alg":"none","alg":"RS256","kid":"{key.kid}"}}', claims(issuer), key)


def twice_in_the_claims(issuer: Issuer, key: Key) -> str:
    said = json.dumps(claims(issuer))
    return sign(said.replace("{", '{"sub":"eve",', 1).encode(), key)


Forge = Callable[[Issuer, Key], str]


def with_header(**header: Any) -> Forge:
    """A good signature, by the issuer's key, under another header."""
    return lambda issuer, key: sign(claims(issuer), key, by=by_alg(header), **header)


def by_alg(header: dict[str, Any]) -> str:
    alg = header.get("alg")
    return str(alg) if alg in ("PS256", "RS512") else "RS256"


def with_claims(**changes: Any) -> Forge:
    """A good signature, by the issuer's key, over other claims."""
    return lambda issuer, key: sign(claims(issuer, **changes), key)


ALGORITHM = "not signed in a way that is allowed"
SIGNATURE = "signature is not the issuer's"
FIT = "in a way that is not the key's"
UNKNOWN = "not one of the issuer's"
MALFORMED = "not a signed JWT"
NAME = "no name of at most 195 printable characters"

# Each by the reason for which it must fail: what is refused for another reason proves nothing.
FORGERIES: dict[str, tuple[str, Forge]] = {
    "alg none": (ALGORITHM, unsigned),
    "HS256 by the public key's PEM": (ALGORITHM, hmac_by_the_public_key),
    "alg that is not configured": (ALGORITHM, with_header(alg="RS512")),
    "alg that is no text": (ALGORITHM, with_header(alg=["RS256"])),
    "no alg": (ALGORITHM, with_header(alg=None)),
    "alg of another type of key": (FIT, with_header(alg="ES256")),
    "alg that is not the key's": (FIT, with_header(alg="PS256")),
    "no signature": (SIGNATURE, signature_removed),
    "tampered payload": (SIGNATURE, payload_changed),
    "tampered header": (SIGNATURE, header_changed),
    "another's key under a known kid": (SIGNATURE, signed_by_another),
    "padding": (SIGNATURE, lambda issuer, key: sign(claims(issuer), key) + "=="),
    "blank at the end": (SIGNATURE, lambda issuer, key: sign(claims(issuer), key) + " "),
    "unknown kid": (UNKNOWN, with_header(kid="unknown")),
    "empty kid": (UNKNOWN, with_header(kid="")),
    "kid that is no text": ("kid is not a text", with_header(kid=7)),
    "crit": ("holds crit", with_header(crit=["exp"])),
    "crit of b64": ("holds crit", with_header(crit=["b64"], b64=False)),
    "b64": ("holds b64", with_header(b64=True)),
    "jwk": ("holds jwk", with_header(jwk=make_key("own").as_dict(private=False))),
    "x5c": ("holds x5c", with_header(x5c=["MIIB"])),
    "nested header": ("more than plain values", with_header(more={"alg": "none"})),
    "another type": ("of a type", with_header(typ="logout+jwt")),
    "alg twice": (MALFORMED, twice_in_the_header),
    "sub twice": (MALFORMED, twice_in_the_claims),
    "wrong issuer": ("another issuer", with_claims(iss="https://evil.example")),
    "no issuer": ("another issuer", with_claims(iss=None)),
    "issuer in a list": ("another issuer", lambda issuer, key: sign(claims(issuer, iss=[issuer.url]), key)),
    "issuer with a slash more": ("another issuer", lambda issuer, key: sign(claims(issuer, iss=f"{issuer.url}/"), key)),
    "wrong audience": ("another audience", with_claims(aud="somebody else")),
    "no audience": ("another audience", with_claims(aud=None)),
    "audience by prefix": ("another audience", with_claims(aud="connector2")),
    "audience in an object": ("another audience", with_claims(aud={"connector": 1})),
    "no exp": ("no claim exp", with_claims(exp=None)),
    "expired": ("has expired", with_claims(exp=SECONDS - 31)),
    "expired at the end of the leeway": ("has expired", with_claims(exp=SECONDS - 30)),
    "exp that is a text": ("claim exp of the bearer token is not a time", with_claims(exp=str(SECONDS + 60))),
    "exp that is true": ("claim exp of the bearer token is not a time", with_claims(exp=True)),
    "exp that is Infinity": (MALFORMED, with_claims(exp=float("inf"))),
    "nbf in the future": ("not good yet", with_claims(nbf=SECONDS + 31)),
    "iat in the future": ("of the future", with_claims(iat=SECONDS + 31)),
    "no sub": ("no claim sub", with_claims(sub=None)),
    "sub that is empty": ("no claim sub", with_claims(sub="")),
    "sub that is blank": ("no name in the claim sub", with_claims(sub=" ")),
    "sub that ends a line": (NAME, with_claims(sub="ann\nadmin:root")),
    "sub that turns the writing": (NAME, with_claims(sub="ann\u202egnp")),
    "sub that is half a character": ("not a signed JWT", with_claims(sub="ann\ud800")),
    "sub that is too long": (NAME, with_claims(sub="a" * 196)),
    "no roles": ("the claim roles", with_claims(roles=None)),
    "roles that mean nothing": ("the claim roles", with_claims(roles=["Administrator", 1, None])),
    "no tenants": ("the claim tenants", with_claims(tenants=None)),
    "an empty list of tenants": ("the claim tenants", with_claims(tenants=[])),
    "tenants that are no texts": ("the claim tenants", with_claims(tenants=[1, {"*": 1}, ""])),
    "four parts": (MALFORMED, lambda issuer, key: sign(claims(issuer), key) + ".AAAA"),
    "two parts": (MALFORMED, lambda issuer, key: sign(claims(issuer), key).rsplit(".", 1)[0]),
    "one MiB": ("longer than 16 KiB", with_claims(more="a" * 2**20)),
}


@pytest.mark.parametrize(("words", "forge"), FORGERIES.values(), ids=FORGERIES)
def test_hostile_tokens_are_refused(issuer: Issuer, words: str, forge: Forge) -> None:
    """What is not a token of the issuer for us and for now is refused in two sentences, which hold nothing of it."""
    message = refusal(issuer, forge(issuer, make_key()))

    assert words in message
    assert len(re.findall(r"\.(?=\s|$)", message)) == 2


BROKEN = {
    "nothing": "",
    "dots": "..",
    "garbage": "!!!.???.***",
    "beyond ASCII": "é.ü.\udcff",
    "five parts, as of a JWE": "a.b.c.d.e",
    "a header that is deep": f"{encode(b'[' * 3000)}.{encode(b'{}')}.AAAA",
    "a header of 5 KiB": sign({}, make_key(), more="a" * 5000),
    "claims that are deep": sign(b'{"a":' * 1500, make_key()),
    "claims that are a list": sign(b'["sub"]', make_key()),
    "claims that are no UTF-8": sign(b"\xff\xfe", make_key()),
    "a number of 5000 digits": sign(f'{{"exp":{"9" * 5000}}}'.encode(), make_key()),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_jwt_is_refused_unasked(issuer: Issuer, text: str) -> None:
    """What cannot be read is refused before the issuer is asked for any key."""
    assert MALFORMED in refusal(issuer, text)
    assert issuer.asked == []


def test_a_long_text_costs_nothing(issuer: Issuer) -> None:
    """A text of one MiB of dots is not even taken apart."""
    assert "longer than 16 KiB" in refusal(issuer, "." * 2**20)


def test_a_time_without_end_is_none(issuer: Issuer) -> None:
    """A number that is too large for a double is refused with the whole token, before anything reads it as a time."""
    said = json.dumps(claims(issuer, exp=7)).replace('"exp": 7', '"exp": 1e999').encode()

    assert "not a signed JWT" in refusal(issuer, sign(said, make_key()))


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_keys_that_a_token_points_to_are_never_fetched(issuer: Issuer, name: str) -> None:
    """A token that says where its key is to be found is refused, and whoever listens there is not asked."""
    attacker = Issuer().start()
    own = make_key("own")
    attacker.publish(own)

    message = refusal(issuer, sign(claims(issuer), own, **{name: f"{attacker.url}/jwks"}))
    attacker.stop()

    assert f"holds {name}, which is never taken" in message
    assert attacker.asked == []
    assert issuer.asked == []


def test_the_leeway_is_for_clocks_that_differ(issuer: Issuer) -> None:
    """Up to the leeway, a token is still good after its end and already good before its start."""
    assert ask(issuer, sign(claims(issuer, exp=SECONDS - 29), make_key())).name == "ann"
    assert ask(issuer, sign(claims(issuer, nbf=SECONDS + 30, iat=SECONDS + 29.5), make_key())).name == "ann"


def test_one_audience_of_several(issuer: Issuer) -> None:
    """A token may be for others too."""
    assert ask(issuer, sign(claims(issuer, aud=["others", "connector"]), make_key())).name == "ann"


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("viewer", Role.VIEWER),
        (["viewer", "administrator", "operator"], Role.ADMINISTRATOR),
        (["something", "operator"], Role.OPERATOR),
    ],
)
def test_the_highest_role_counts(issuer: Issuer, said: Any, role: Role) -> None:
    """Of several roles the highest counts; the claim is a text or a list of texts."""
    assert ask(issuer, sign(claims(issuer, roles=said), make_key())).role is role


def test_claims_have_the_names_of_the_issuer(issuer: Issuer) -> None:
    """Claims are found by name, also one with dots, or by a path into objects; values mean what the settings say."""
    said = claims(
        issuer,
        roles=None,
        tenants=None,
        realm_access={"roles": ["CONN_ADMIN"]},
        email="ann@example.com",
        **{"https://example.com/tenants": "acme"},
    )

    caller = ask(
        issuer,
        sign(said, make_key()),
        roles_claim="realm_access.roles",
        role_values={Role.ADMINISTRATOR: frozenset({"CONN_ADMIN"})},
        tenants_claim="https://example.com/tenants",
        name_claim="email",
    )

    assert caller == Caller("ann@example.com", "user:ann@example.com", Role.ADMINISTRATOR, frozenset({"acme"}))


def test_every_tenant(issuer: Issuer) -> None:
    """One value, and that value whole, means every tenant."""
    assert ask(issuer, sign(claims(issuer, tenants=["acme", "*"]), make_key())).tenants is None
    assert ask(issuer, sign(claims(issuer, tenants="**"), make_key())).tenants == frozenset({"**"})
    assert ask(issuer, sign(claims(issuer, tenants="*"), make_key()), all_tenants="all").tenants == frozenset({"*"})


@pytest.mark.parametrize(("claim", "words"), [("roles", "the claim roles"), ("tenants", "the claim tenants")])
def test_a_missing_claim_is_named(issuer: Issuer, claim: str, words: str) -> None:
    """Whoever has no role or no tenant is told which claim it would stand in."""
    assert words in refusal(issuer, sign(claims(issuer, **{claim: None}), make_key()))


def test_a_changed_bit_anywhere_is_refused(issuer: Issuer) -> None:
    """No token stays good when one character of it is another."""
    token = sign(claims(issuer), make_key("ec", "ES256"))
    issuer.publish(make_key("ec", "ES256"))

    async def scenario() -> list[int]:
        accepted = []
        async with trusting(issuer) as oidc:
            assert (await oidc.caller(token)).name == "ann"
            for at, character in enumerate(token):
                other = "B" if character == "A" else "A"
                try:
                    await oidc.caller(token[:at] + other + token[at + 1 :])
                    accepted.append(at)
                except JWTRefused:
                    pass
        return accepted

    assert asyncio.run(scenario()) == []
    assert urlsafe_b64decode(token.split(".")[2] + "==")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "cty", "x5t", "x5t#S256", "b64", "zip"]), JSON, max_size=3
)
CLAIMS = st.dictionaries(
    st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "roles", "tenants"]), JSON, min_size=1, max_size=4
)


Outcome = Callable[[str], Caller | None]


@pytest.fixture(scope="module")
def outcome(shared: Issuer) -> Iterator[Outcome]:
    """Who calls, or None; anything that is raised but JWTRefused fails the test."""

    def found(text: str) -> Caller | None:
        try:
            return runner.run(oidc.caller(text))
        except JWTRefused as error:
            assert_silent(error, text)
            return None

    with asyncio.Runner() as runner:
        oidc = OIDC(OIDCPolicy(issuer=shared.url, audience="connector"), clock=Clock())
        yield found
        runner.run(oidc.close())


class TestNothingElseIsRaised:
    """Whatever comes is refused or taken; nothing breaks."""

    @settings(max_examples=200, deadline=None)
    @given(text=st.text() | st.binary().map(lambda octets: octets.decode("utf-8", "surrogateescape")))
    def test_any_text(self, outcome: Outcome, text: str) -> None:
        """Any text is refused."""
        assert outcome(text) is None

    @settings(max_examples=100, deadline=None)
    @given(parts=st.lists(st.binary(max_size=60), min_size=3, max_size=3))
    def test_any_octets_in_three_parts(self, outcome: Outcome, parts: list[bytes]) -> None:
        """Any octets in the three parts are refused."""
        assert outcome(".".join(map(encode, parts))) is None

    @settings(max_examples=100, deadline=None)
    @given(changes=HEADERS)
    def test_any_header(self, outcome: Outcome, shared: Issuer, changes: dict[str, Any]) -> None:
        """A good signature under any header is taken, or refused."""
        outcome(sign(claims(shared), make_key(), by="RS256", **changes))

    @settings(max_examples=100, deadline=None)
    @given(changes=CLAIMS)
    def test_any_claims(self, outcome: Outcome, shared: Issuer, changes: dict[str, Any]) -> None:
        """A good signature over any claims is taken, or refused."""
        outcome(sign(json.dumps(claims(shared) | changes).encode(), make_key()))


def test_nothing_shows_the_token(issuer: Issuer) -> None:
    """What is kept of a token after it was looked at is nothing."""
    token = sign(claims(issuer), make_key())

    async def scenario() -> str:
        oidc = OIDC(OIDCPolicy(issuer=issuer.url, audience="connector"), clock=Clock())
        await oidc.caller(token)
        await refused(oidc.caller(token + "A"))
        shown = repr(oidc) + repr(vars(oidc))
        await oidc.close()
        return shown

    shown = asyncio.run(scenario())
    assert [part for part in token.split(".") if part in shown] == []
