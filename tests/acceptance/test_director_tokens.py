"""System auths and one-time tokens over the Director API: handed over, bound, looked at, taken back."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from graphql import build_schema
from graphql.type import GraphQLObjectType
from tests.support.director import REQUEST, Director, Refused, director
from tests.support.server import Server

from connector import client
from connector.client import make_csr, make_key
from connector.web.graphql.sdl import sdl

SHOWN = "token raw rawEncoded"
ALL = f"{SHOWN} __typename connectorURL used expiresAt createdAt usedAt type"
APPLICATION_ALL = f"{ALL} legacyConnectorURL scenarioGroups"
RECORD = """id type state systemAuthID ownerID mintedBy createdAt expiresAt usedAt withdrawnAt sourceNetwork keySHA256
    refusals"""
TOKENS = f"query ($filter: OneTimeTokenFilter) {{ result: oneTimeTokens(filter: $filter) {{ data {{ {RECORD} }} }} }}"
WITHDRAW = f"mutation ($id: ID!) {{ result: withdrawOneTimeToken(id: $id) {{ {RECORD} }} }}"
LAST = (
    "query ($id: ID!) { result: %s(id: $id) { auths { id auth { certCommonName oneTimeToken { __typename %s } } } } }"
)
# Wire contract b.2.
TYPES = {
    "token": "String!",
    "connectorURL": "String!",
    "used": "Boolean!",
    "expiresAt": "Timestamp!",
    "createdAt": "Timestamp",
    "usedAt": "Timestamp",
    "raw": "String",
    "rawEncoded": "String",
    "type": "OneTimeTokenType",
}


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "tokens") as caller:
        yield caller


def hand_over(admin: Director, owner: str, fields: str = SHOWN, *, suggest: str = "", **terms: Any) -> dict[str, Any]:
    headers = {"suggest_token": suggest} if suggest else {}
    variables = {"id": owner, "terms": terms or None}
    shown: dict[str, Any] = admin.ask(REQUEST.format(kind="Application", fields=fields), variables, **headers)
    return shown


def newest(admin: Director, owner: str) -> dict[str, Any]:
    """What is kept of the last token."""
    kept: dict[str, Any] = admin.ask(TOKENS, {"filter": {"ownerID": owner}})["data"][0]
    return kept


def refusal(admin: Director, token: str, host: str = "localhost") -> str:
    """The code with which ``configuration`` refuses it; empty if it does not."""
    try:
        with admin.server.bearer(token) as bearer:
            bearer.configuration(admin.server.public_connector.replace("localhost", host))
    except client.Refused as refused:
        return refused.code
    return ""


def test_the_types_are_the_contracts() -> None:
    """Both types of token have the fields of the original, each as nullable as there."""
    schema = build_schema(sdl("director"))
    for name, more in (
        ("OneTimeTokenForApplication", {"legacyConnectorURL": "String!", "scenarioGroups": "[String]"}),
        ("OneTimeTokenForRuntime", {}),
    ):
        found = schema.get_type(name)
        assert isinstance(found, GraphQLObjectType)
        assert {field: str(each.type) for field, each in found.fields.items()} == {**TYPES, **more}
        assert [each.name for each in found.interfaces] == ["OneTimeToken"]


@pytest.mark.parametrize(("kind", "seconds"), [("Application", 300), ("Runtime", 3600)])
def test_what_is_shown_once(admin: Director, kind: str, seconds: int) -> None:
    """The answer holds the secret in every form that clients know, and says how long it is good."""
    owner = admin.register(f"shown-{kind.lower()}", kind)
    fields = APPLICATION_ALL if kind == "Application" else ALL
    shown = admin.ask(REQUEST.format(kind=kind, fields=fields), {"id": owner})

    assert (shown["__typename"], shown["type"]) == (f"OneTimeTokenFor{kind}", kind)
    assert (len(shown["token"]), shown["used"], shown["usedAt"]) == (88, False, "0001-01-01T00:00:00Z")
    times = [datetime.fromisoformat(shown[each]) for each in ("createdAt", "expiresAt")]
    assert (times[1] - times[0]).total_seconds() == seconds
    assert shown["expiresAt"] == times[1].strftime("%Y-%m-%dT%H:%M:%SZ")
    raw = json.loads(shown["raw"])
    names = ["token", "connectorURL", "used", "expiresAt", "createdAt", "usedAt", "type", "scenario_groups"]
    assert list(raw) == [*names, "rootFingerprint"]
    assert (raw["token"], raw["connectorURL"]) == (shown["token"], admin.server.public_connector)
    assert shown["rawEncoded"] == b64encode(shown["raw"].encode()).decode()
    if kind == "Application":
        assert f"token={shown['token']}" in shown["legacyConnectorURL"]
        assert shown["scenarioGroups"] is None


@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_what_is_told_later(admin: Director, kind: str, tmp_path: Path) -> None:
    """Afterwards the secret is in no answer: the token goes by its public id, and says whether it was used. Once there
    is a certificate, its common name is told.
    """
    owner = admin.register(f"later-{kind.lower()}", kind)
    shown = admin.ask(REQUEST.format(kind=kind, fields=SHOWN), {"id": owner})
    document = LAST % (kind.lower(), "token used expiresAt usedAt raw rawEncoded connectorURL")
    (auth,) = admin.ask(document, {"id": owner})["auths"]
    kept = newest(admin, owner)

    assert auth["auth"]["certCommonName"] is None
    last = auth["auth"]["oneTimeToken"]
    assert last["__typename"] == f"OneTimeTokenFor{kind}"
    assert (last["token"], last["used"], last["raw"], last["rawEncoded"]) == (kept["id"], False, None, None)
    assert (kept["type"], kept["state"], kept["systemAuthID"]) == (kind, "minted", auth["id"])
    assert kept["mintedBy"] == "admin:first"
    assert admin.ask(f"query ($id: ID!) {{ result: oneTimeToken(id: $id) {{ {RECORD} }} }}", {"id": kept["id"]}) == kept
    identity = admin.server.enroll(shown["token"], tmp_path / "identity")
    (auth,) = admin.ask(document, {"id": owner})["auths"]
    assert (auth["auth"]["oneTimeToken"]["used"], auth["auth"]["certCommonName"]) == (True, auth["id"])
    assert identity.subject.endswith(f",CN={auth['id']}")
    told = admin.post(TOKENS, {"filter": {"ownerID": owner}}).text + admin.post(document, {"id": owner}).text
    assert shown["token"] not in told
    assert '"spent"' in told


def test_a_new_way_in_each_time(admin: Director) -> None:
    """Three requests make three system auths, and all three tokens are good."""
    owner = admin.register("three")
    tokens = [admin.token(owner) for _ in range(3)]

    assert len(set(admin.auths(owner))) == 3
    assert [refusal(admin, token) for token in tokens] == [""] * 3


def test_the_token_in_place_of_another(admin: Director) -> None:
    """With systemAuthID there is no new system auth: the former token is withdrawn, and ``id`` does not count."""
    owner = admin.register("replaced")
    former = admin.token(owner)
    (auth,) = admin.auths(owner)
    later = admin.token("", auth=auth)

    assert admin.auths(owner) == [auth]
    assert refusal(admin, former) == "token_withdrawn"
    assert refusal(admin, later) == ""
    for kind, wrong in (("Runtime", auth), ("Application", "nobody")):
        refused = admin.refused(REQUEST.format(kind=kind, fields="token"), {"id": owner, "auth": wrong})
        assert refused.error_code == 20
    assert admin.refused(REQUEST.format(kind="Application", fields="token"), {"id": "nobody"}).error_code == 20


def test_suggestions(admin: Director) -> None:
    """A caller that asks gets the form that suits the application (docs/wire-contract.md), of the same secret."""
    system = admin.register("suggesting", "IntegrationSystem")
    plain = admin.register("plain")
    kept = admin.register("kept", integrationSystemID=system, labels={"legacy": True})
    legacy = admin.register("legacy", labels={"legacy": True})
    almost = admin.register("almost", labels={"legacy": "true"})
    fields = f"{SHOWN} legacyConnectorURL"
    forms = {}
    for owner, suggest in [(plain, "true"), (almost, "true"), (kept, "true"), (legacy, "true"), (legacy, "")]:
        shown = hand_over(admin, owner, fields, suggest=suggest)
        secret = json.loads(shown["raw"])["token"]
        assert shown["rawEncoded"] == b64encode(shown["raw"].encode()).decode()
        assert shown["legacyConnectorURL"].endswith(f"?token={secret}")
        forms[owner, suggest] = [
            name
            for name, form in {**shown, "secret": secret}.items()
            if name not in {"token", "raw"} and form == shown["token"]
        ]
    runtime = admin.register("suggested", "Runtime")
    headers = {"suggest_token": "true"}
    asked = admin.ask(REQUEST.format(kind="Runtime", fields=SHOWN), {"id": runtime}, **headers)

    assert forms == {
        (plain, "true"): ["rawEncoded"],
        (almost, "true"): ["rawEncoded"],
        (kept, "true"): ["secret"],
        (legacy, "true"): ["legacyConnectorURL"],
        (legacy, ""): ["secret"],
    }
    assert json.loads(asked["raw"])["token"] == asked["token"]


def test_lifetimes(admin: Director) -> None:
    """A token lives for as long as was asked, from a second to the day that the settings allow, and then no more."""
    owner = admin.register("lives")
    for seconds in (0, -1, 86_401, 2**31 - 1):
        refused: Refused = admin.refused(
            REQUEST.format(kind="Application", fields="token"), {"id": owner, "terms": {"lifetimeSeconds": seconds}}
        )
        assert (refused.error_code, "lifetimeSeconds: use 1 to 86400" in refused.message) == (22, True)
    assert admin.auths(owner) == []
    brief = hand_over(admin, owner, lifetimeSeconds=1)
    longest = hand_over(admin, owner, "createdAt expiresAt", lifetimeSeconds=86_400)
    times = [datetime.fromisoformat(longest[each]) for each in ("createdAt", "expiresAt")]
    assert (times[1] - times[0]).total_seconds() == 86_400

    time.sleep(1.05)
    assert refusal(admin, brief["token"]) == "token_expired"
    (expired,) = admin.ask(TOKENS, {"filter": {"ownerID": owner, "state": "expired"}})["data"]
    assert (expired["state"], expired["usedAt"], expired["refusals"]) == ("expired", None, 1)
    assert ("token.refused", "token_expired") in admin.events(token_id=expired["id"])


def test_a_token_for_one_network(admin: Director) -> None:
    """Bound to a network, a token is refused elsewhere, and the audit says why; at home it and the next are good."""
    owner = admin.register("networked")
    abroad = hand_over(admin, owner, sourceNetwork="192.0.2.0/24")
    kept = newest(admin, owner)
    assert (kept["sourceNetwork"], kept["keySHA256"]) == ("192.0.2.0/24", None)
    assert refusal(admin, abroad["token"], "127.0.0.1") == "token_source_refused"
    assert admin.events(token_id=kept["id"]) == [("token.minted", None), ("token.refused", "token_source_refused")]
    assert newest(admin, owner)["state"] == "minted"

    home = hand_over(admin, owner, sourceNetwork="127.0.0.0/8")
    with admin.server.bearer(home["token"]) as bearer:
        told = bearer.configuration(admin.server.public_connector.replace("localhost", "127.0.0.1"))
    next_one = newest(admin, owner)
    assert (next_one["sourceNetwork"], next_one["mintedBy"][:6]) == ("127.0.0.0/8", "token:")
    assert refusal(admin, told.token, "127.0.0.1") == ""


@pytest.mark.parametrize(
    "terms",
    [
        {"sourceNetwork": "192.0.2.1/24"},
        {"sourceNetwork": "192.0.2.0/33"},
        {"sourceNetwork": "example.com"},
        {"sourceNetwork": ""},
        {"sourceNetwork": "::ffff:192.0.2.0/120"},
        {"keySHA256": "ab"},
        {"keySHA256": ""},
        {"keySHA256": "x" * 64},
        {"keySHA256": "a" * 66},
    ],
)
def test_terms_that_cannot_be_read(admin: Director, terms: dict[str, str]) -> None:
    """Terms that say nothing are refused by their name: a token that was meant to be bound never goes out free."""
    owner = admin.register("terms " + sha256(repr(terms).encode()).hexdigest()[:12])
    refused = admin.refused(REQUEST.format(kind="Application", fields="token"), {"id": owner, "terms": terms})

    assert (refused.error_code, f"data {next(iter(terms))}:" in refused.message) == (22, True)
    assert admin.auths(owner) == []


def test_a_token_for_one_key(admin: Director) -> None:
    """Bound to a key, a token gives no certificate for another and is not spent; the configuration passes that on."""
    owner = admin.register("bound")
    right, wrong = make_key(), make_key()
    public = right.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    shown = hand_over(admin, owner, keySHA256=sha256(public).hexdigest())
    with admin.server.bearer(shown["token"]) as bearer:
        told = bearer.configuration(admin.server.public_connector)
    assert newest(admin, owner)["keySHA256"] == sha256(public).hexdigest()

    with admin.server.bearer(told.token) as bearer:
        with pytest.raises(client.Refused) as refused:
            bearer.sign(admin.server.public_connector, make_csr(wrong, told.subject))
        assert refused.value.code == "csr_key_not_bound"
        kept = newest(admin, owner)
        assert (kept["state"], kept["refusals"]) == ("minted", 1)
        assert bearer.sign(admin.server.public_connector, make_csr(right, told.subject))
    assert newest(admin, owner)["state"] == "spent"
    assert ("token.refused", "csr_key_not_bound") in admin.events(token_id=kept["id"])


def test_withdrawing(admin: Director) -> None:
    """A token that was withdrawn is refused as such, is listed so, and is not withdrawn again; a spent one never."""
    owner = admin.register("withdrawn")
    token, spent = admin.token(owner), admin.token(owner)
    assert refusal(admin, spent) == ""
    by_state = {each["state"]: each["id"] for each in admin.ask(TOKENS, {"filter": {"ownerID": owner}})["data"][1:]}
    kept = admin.ask(WITHDRAW, {"id": by_state["minted"]})

    assert (kept["state"], kept["usedAt"]) == ("withdrawn", None)
    assert kept["withdrawnAt"] is not None
    assert refusal(admin, token) == "token_withdrawn"
    assert newest(admin, owner)["state"] == "minted"  # the one that came with the configuration
    listed = admin.ask(TOKENS, {"filter": {"ownerID": owner, "state": "withdrawn"}})["data"]
    assert [each["id"] for each in listed] == [kept["id"]]
    for wrong in (kept["id"], by_state["spent"], "nobody", token):
        refused = admin.refused(WITHDRAW, {"id": wrong})
        assert (refused.error_code, token in refused.message) == (20, False)


def test_the_wrong_kind_of_deletion(admin: Director) -> None:
    """A system auth is deleted as its own kind alone: by any other it is not found, and all stays as it is."""
    owner = admin.register("kinds")
    token = admin.token(owner)
    (auth,) = admin.auths(owner)
    document = "mutation ($id: ID!) {{ result: deleteSystemAuthFor{}(authID: $id) {{ id type referenceObjectId }} }}"
    for kind in ("Runtime", "IntegrationSystem"):
        assert admin.refused(document.format(kind), {"id": auth})[:2] == (20, "not_found")
    assert admin.auths(owner) == [auth]

    deleted = admin.ask(document.format("Application"), {"id": auth})
    assert deleted == {"id": auth, "type": "APPLICATION", "referenceObjectId": owner}
    assert admin.auths(owner) == []
    assert refusal(admin, token) == "token_withdrawn"
    assert admin.refused(document.format("Application"), {"id": auth}).error_code == 20
