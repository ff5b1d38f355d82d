"""Compass's resolvers on the internal listener, asked as Oathkeeper's hydrators ask."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.support.gateways import ADDRESSES, Answer, Forwarded, Gateway, Headers, enrolled, spoofs
from tests.support.server import Server

from connector.client import Refused
from connector.web.gateways.resolvers import CERTIFICATE, TENANT_MAPPING, TOKEN

EMPTY = {"subject": "", "extra": None, "header": None}
CERTIFICATE_DATA = b"Certificate-Data"
CONNECTOR_TOKEN = b"Connector-Token"


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers gateways on this machine."""
    with Server(tmp_path_factory.mktemp("gated") / "data", {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES}) as running:
        yield running


@pytest.fixture
def gateway(gated: Server) -> Iterator[Gateway]:
    """A gateway's connection."""
    with Gateway(gated.urls["internal"]) as connection:
        yield connection


def resolve(gateway: Gateway, path: str, session: Any = EMPTY, headers: Headers = ()) -> Answer:
    """What the resolver answers to the session."""
    return gateway.ask(path, headers, json.dumps(session).encode(), "POST")


def known(server: Server, directory: Path) -> tuple[str, str, Forwarded]:
    """An application with a certificate, its system auth, and what a gateway forwards."""
    application, identity = enrolled(server, f"shop-{uuid4()}", directory)
    return application, identity.subject.rpartition("CN=")[2], Forwarded.of(identity)


def test_a_certificate_is_resolved_to_its_system_auth(gated: Server, gateway: Gateway, tmp_path: Path) -> None:
    """The hash in Certificate-Data leads to the system auth; the session gets it in Go's spelling, with an extra that
    is an object, and keeps all else.
    """
    _, auth, forwarded = known(gated, tmp_path)
    session = {"subject": "somebody", "extra": None, "header": {"X-Other": ["kept"]}, "further": [1]}

    answer = resolve(gateway, CERTIFICATE, session, [(CERTIFICATE_DATA, forwarded.xfcc + b';Subject="CN=else"')])

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {
        "subject": "somebody",
        "extra": {},
        "header": {
            "X-Other": ["kept"],
            "Client-Id-From-Certificate": [auth],
            "Client-Certificate-Hash": [forwarded.hash],
            "Subject-From-Certificate": [f"CN={auth},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org"],
            "Client-Certificate-Issuer": ["connector"],
        },
        "further": [1],
    }


def test_the_tenant_mapping_says_who_a_certificate_belongs_to(gated: Server, gateway: Gateway, tmp_path: Path) -> None:
    """After the certificate's resolver, the tenant mapping adds the consumer; after a revocation, nothing."""
    application, auth, forwarded = known(gated, tmp_path)
    resolved = resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, forwarded.xfcc)]).json

    answer = resolve(gateway, TENANT_MAPPING, resolved)

    assert answer.json["header"] == resolved["header"]
    extra = answer.json["extra"]
    tenant = json.loads(extra.pop("tenant").replace('\\"', '"'))
    assert (tenant["externalTenant"], set(tenant)) == ("default", {"externalTenant", "consumerTenant"})
    assert extra == {
        "scope": "application.auths:read application:read bundle.instance_auths:read",
        "consumerID": application,
        "consumerType": "Application",
        "flow": "Certificate",
        "onBehalfOf": "",
        "region": "",
        "tokenClientID": "",
        "subject": f"CN={auth},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org",
    }
    forged = {**resolved, "header": {**resolved["header"], "Client-Id-From-Certificate": [str(uuid4())]}}
    assert resolve(gateway, TENANT_MAPPING, forged).json == forged
    gated.command("revoke", forwarded.serial)
    assert resolve(gateway, TENANT_MAPPING, resolved).json == resolved
    assert auth in resolved["header"]["Client-Id-From-Certificate"]


def test_no_subject_is_believed_by_default(gated: Server, gateway: Gateway, tmp_path: Path) -> None:
    """Without the setting for it, an unknown hash with the subject of a living certificate resolves nothing, and the
    tenant mapping does not believe a session that says so. The log has no warning of it.
    """
    _, auth, forwarded = known(gated, tmp_path)
    resolved = resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, forwarded.xfcc)]).json
    subject = f"CN={auth},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org"
    unknown = f'Hash={"ab" * 32};Subject="{subject}"'.encode()

    assert resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, unknown)]).json == EMPTY
    resolved["header"]["Client-Certificate-Hash"] = ["ab" * 32]
    assert resolve(gateway, TENANT_MAPPING, resolved).json == resolved
    assert "gateways.subject_rule" not in gated.log.read_text()


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_token_is_resolved_once(place: str, gated: Server, gateway: Gateway) -> None:
    """A token leads to its system auth and is spent: the second time, and at the Connector API, it is nobody's."""
    token = gated.token(gated.application(f"shop-{uuid4()}"))
    path = TOKEN if place == "header" else f"{TOKEN}?token={token.replace('=', '%3D')}"
    headers = [(CONNECTOR_TOKEN, token.encode())] if place == "header" else []

    resolved = resolve(gateway, path, EMPTY, headers).json
    again = resolve(gateway, path, EMPTY, headers)

    assert list(resolved["header"]) == ["Client-Id-From-Token"]
    assert resolved["extra"] is None
    assert (again.status, again.json) == (200, EMPTY)
    mapped = resolve(gateway, TENANT_MAPPING, resolved).json["extra"]
    assert (mapped["flow"], mapped["consumerType"]) == ("OneTimeToken", "Application")
    with gated.bearer(token) as client, pytest.raises(Refused, match=r"redeemed"):
        client.configuration(gated.public_connector)


def test_of_many_gateways_one_gets_the_token(gated: Server) -> None:
    """Of forty concurrent resolutions of one token, exactly one resolves it."""
    token = gated.token(gated.application(f"shop-{uuid4()}"))

    def ask(_: int) -> bool:
        with Gateway(gated.urls["internal"]) as gateway:
            answer = resolve(gateway, TOKEN, EMPTY, [(CONNECTOR_TOKEN, token.encode())])
        assert answer.status == 200
        return bool(answer.json != EMPTY)

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(ask, range(40))) == 1


@pytest.mark.parametrize("path", [TOKEN, CERTIFICATE, TENANT_MAPPING])
def test_an_unresolved_session_comes_back_as_it_was(path: str, gateway: Gateway) -> None:
    """Without a credential, or with one that is not good, the session comes back octet for octet."""
    wrong = [(CONNECTOR_TOKEN, b"x" * 86), (CERTIFICATE_DATA, b"Hash=" + b"0" * 64)]
    for octets in (b'{"subject":"","extra":null,"header":null}', b'{ "subject": "\xc3\xa4" }', b"{}"):
        for headers in ([], wrong, [(CONNECTOR_TOKEN, b""), (CERTIFICATE_DATA, b"")]):
            answer = gateway.ask(path, headers, octets, "POST")
            assert (answer.status, answer.body) == (200, octets)


@pytest.mark.parametrize("path", [TOKEN, CERTIFICATE, TENANT_MAPPING])
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"subject": 1}',
        b'{"header": []}',
        b'{"header": {"A": "b"}}',
        b'{"header": {"A": [1]}}',
        b'{"header": {"A\\r\\nB": ["c"]}}',
        b'{"extra": "x"}',
        b'{"subject": "a", "subject": "b"}',
        b"{" + b'"a":[' * 200 + b"]" * 200 + b"}",
        b'{"subject": "\xff"}',
    ],
)
def test_what_is_no_session_is_refused(path: str, octets: bytes, gateway: Gateway) -> None:
    """A body that is no session is refused with 400 and the original's words."""
    answer = gateway.ask(path, [], octets, "POST")

    assert answer.status == 400
    assert answer.json["errors"][0]["message"].startswith("failed to decode Authentication Session from body: ")


def test_no_spoof_resolves(gated: Server, gateway: Gateway, tmp_path: Path) -> None:
    """With the gateway's header for a revoked certificate, no header that a client adds, in sixty ways and more, makes
    it somebody: the session comes back unchanged, or the request is refused.
    """
    _, auth, victim = known(gated, tmp_path / "victim")
    _, _, revoked = known(gated, tmp_path / "revoked")
    gated.command("revoke", revoked.serial)
    own = (CERTIFICATE_DATA, revoked.xfcc)

    for spoof in spoofs(victim, auth):
        for headers in ([own, *spoof], [*spoof, own], [pair for pair in spoof if pair[0] != CERTIFICATE_DATA]):
            answer = resolve(gateway, CERTIFICATE, EMPTY, headers)
            assert (answer.status, answer.json == EMPTY) in {(200, True), (400, False)}, headers


AMBIGUOUS = [
    b"Hash={0}, Hash={0}",
    b"Hash={0};Hash={1}",
    b"Hash={1},By=a;Hash={0}",
    b'Subject="CN=a";Hash={0},Subject="CN=b";Hash={1}',
    b'Subject="CN=a\\";Hash={0}',
    b'Subject="x" Hash={0}',
    b"hash={0};HASH={1}",
    b"Hash={0}" + b";By=" + b"x" * 16_400,
    b"Hash={0};URI=a;b",
    b"{0}",
]


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_an_ambiguous_certificate_is_refused(value: bytes, gated: Server, gateway: Gateway, tmp_path: Path) -> None:
    """Several elements, several hashes, broken quotes, an endless value: 400, whoever is meant."""
    _, _, forwarded = known(gated, tmp_path)
    sent = value.replace(b"{0}", forwarded.hash.encode()).replace(b"{1}", b"0" * 64)

    answer = resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, sent)])

    assert (answer.status, answer.json["errors"][0]["extensions"]["error"]) == (400, "forwarded_certificate_ambiguous")


def test_a_folded_header_is_refused(gated: Server, tmp_path: Path) -> None:
    """A header that goes on in the next line is refused before anybody reads it (RFC 9112 5.2)."""
    _, _, forwarded = known(gated, tmp_path)
    for value in (b"By=a;\r\n " + forwarded.xfcc, forwarded.xfcc + b"\r\n\t;By=a", b"\r\n " + forwarded.xfcc):
        with Gateway(gated.urls["internal"]) as gateway:
            answer = resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, value)])
        assert answer.status == 400


def test_several_tokens_are_refused_and_none_is_spent(gated: Server, gateway: Gateway) -> None:
    """Two tokens, twice the same, under a second spelling, or one in the header and another in the query: 400, and both
    are as good as before.
    """
    first, second = (gated.token(gated.application(f"shop-{uuid4()}")).encode() for _ in range(2))
    tried: list[tuple[str, Headers]] = [
        (TOKEN, [(CONNECTOR_TOKEN, first), (CONNECTOR_TOKEN, second)]),
        (TOKEN, [(CONNECTOR_TOKEN, first), (CONNECTOR_TOKEN, first)]),
        (TOKEN, [(CONNECTOR_TOKEN, first), (b"Connector_Token", second)]),
        (TOKEN, [(b"Connector_Token", first)]),
        (TOKEN, [(CONNECTOR_TOKEN, first), (b"Connection", b"keep-alive, connector-token")]),
        (f"{TOKEN}?token={second.decode()}", [(CONNECTOR_TOKEN, first)]),
        (f"{TOKEN}?token={first.decode()}&token={second.decode()}", []),
        (f"{TOKEN}?token={first.decode()}&token={first.decode()}", []),
    ]

    for path, headers in tried:
        answer = resolve(gateway, path, EMPTY, headers)
        assert (answer.status, answer.json["errors"][0]["extensions"]["error"]) == (400, "token_ambiguous")

    for token in (first, second):
        assert resolve(gateway, TOKEN, EMPTY, [(CONNECTOR_TOKEN, token)]).json != EMPTY


def test_a_session_that_names_two_clients_is_refused(gateway: Gateway) -> None:
    """A session with two ids, or with one under two spellings, is refused by the tenant mapping."""
    for headers in (
        {"Client-Id-From-Token": ["a"], "Client-Id-From-Certificate": ["b"]},
        {"Client-Id-From-Token": ["a", "b"]},
        {"Client-Id-From-Token": ["a"], "client_id_from_token": ["b"]},
    ):
        assert resolve(gateway, TENANT_MAPPING, {**EMPTY, "header": headers}).status == 400
    assert gateway.ask(TENANT_MAPPING, [], b"{}", "GET").status == 400
