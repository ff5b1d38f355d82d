"""Resolvers for whom this server has not issued a certificate: other CAs' certificates by their subject, and JWTs."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.oidc.issuer import Issuer, claims, make_key, sign
from tests.support.gateways import ADDRESSES, Answer, Forwarded, Gateway, Headers, enrolled, spoofs, unclear
from tests.support.server import COMMAND, Server, environment

from connector.web.gateways.resolvers import AUTHN_MAPPING, CERTIFICATE, TENANT_MAPPING, TOKEN

EMPTY = {"subject": "", "extra": None, "header": None}
JWT = f"{AUTHN_MAPPING}corporate"
CERTIFICATE_DATA, AUTHORIZATION, TENANT, CONNECTOR_TOKEN = (
    b"Certificate-Data",
    b"Authorization",
    b"Tenant",
    b"Connector-Token",
)
REGISTRAR, AUDITOR = "CN=registrar,OU=Platform,O=Example,C=DE", "CN=auditor+UID=7,O=Example"
HASH, REFUSED = "ab" * 32, "cd" * 32
SUBJECTS = [
    {
        "subject": REGISTRAR,
        "consumer_id": "registrar-1",
        "consumer_type": "Integration System",
        "tenants": ["default", "acme"],
        "tenant_access_levels": ["account", "subaccount"],
        "scopes": ["runtime:write", "application:read"],
        "refused": [REFUSED],
    },
    {"subject": AUDITOR, "consumer_id": "auditor-1", "consumer_type": "Technical Client", "tenants": ["acme"]},
]


@dataclass(frozen=True, slots=True)
class Site:
    """A server that resolves all of them, and the issuer of JWTs."""

    server: Server
    issuer: Issuer

    def token(self, **changes: Any) -> bytes:
        """A JWT of an operator of acme."""
        now = datetime.now(UTC)
        times = {"iat": int(now.timestamp()), "exp": int((now + timedelta(minutes=5)).timestamp())}
        return sign(claims(self.issuer, **{**times, **changes}), make_key()).encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    issuer = Issuer().start()
    issuer.publish(make_key())
    given = {
        "CONNECTOR_GATEWAYS__PROXIES": ADDRESSES,
        "CONNECTOR_GATEWAYS__SUBJECTS": json.dumps(SUBJECTS),
        "CONNECTOR_GATEWAYS__AUTHENTICATOR": "corporate",
        "CONNECTOR_OIDC__ISSUER": issuer.url,
        "CONNECTOR_OIDC__AUDIENCE": "connector",
    }
    with Server(tmp_path_factory.mktemp("others") / "data", given) as server:
        server.administer('mutation { result: createTenant(in: {externalID: "acme"}) { id } }')
        yield Site(server, issuer)
    issuer.stop()


@pytest.fixture
def gateway(site: Site) -> Iterator[Gateway]:
    with Gateway(site.server.urls["internal"]) as connection:
        yield connection


def resolve(gateway: Gateway, path: str, session: Any = EMPTY, headers: Headers = ()) -> Answer:
    return gateway.ask(path, headers, json.dumps(session).encode(), "POST")


def xfcc(subject: str, digest: str = HASH) -> bytes:
    """Envoy's header for another CA's certificate."""
    return f'By=spiffe://example.org/gateway;Hash={digest};Subject="{subject}";URI='.encode()


def foreign(gateway: Gateway, subject: str = REGISTRAR, digest: str = HASH) -> Any:
    """The session of a holder of another CA's certificate."""
    return resolve(gateway, CERTIFICATE, EMPTY, [(CERTIFICATE_DATA, xfcc(subject, digest))]).json


def tenant_in(extra: Any) -> str:
    return str(json.loads(extra["tenant"].replace('\\"', '"'))["externalTenant"])


def test_a_foreign_certificate_is_resolved_by_its_subject(gateway: Gateway) -> None:
    """A certificate of another CA, with a hash that is unknown here, leads to the consumer of its subject."""
    assert foreign(gateway) == {
        "subject": "",
        "extra": {
            "consumer_type": "Integration System",
            "tenant_access_levels": ["account", "subaccount"],
            "internal_consumer_id": "registrar-1",
        },
        "header": {
            "Client-Id-From-Certificate": ["registrar-1"],
            "Client-Certificate-Hash": [HASH],
            "Subject-From-Certificate": [REGISTRAR],
            "Client-Certificate-Issuer": ["certificate-service"],
        },
    }


@pytest.mark.parametrize(
    "subject",
    [
        "CN=registrar,OU=Platform,O=Example",
        "CN=registrar,OU=Platform,O=Example,C=DE,L=here",
        "C=DE,O=Example,OU=Platform,CN=registrar",
        "CN=Registrar,OU=Platform,O=Example,C=DE",
        "CN=registrar ,OU=Platform,O=Example,C=DE",
        "CN=registrar, OU=Platform,O=Example,C=DE",
        "CN=registrar/OU=Platform,O=Example,C=DE",
        "CN=registrar+OU=Platform,O=Example,C=DE",
        r"CN=registrar\,OU=Platform,O=Example,C=DE",
        r"CN=registrar\2cOU=Platform,O=Example,C=DE",
        r"CN=\"registrar\",OU=Platform,O=Example,C=DE",
        r"CN=registrar\00,OU=Platform,O=Example,C=DE",
        "CN=registr\u00e4r,OU=Platform,O=Example,C=DE",
        "2.5.4.3=#0c09726567697374726172,OU=Platform,O=Example,C=DE",
        "",
        "CN=",
        "x" * 300,
    ],
)
def test_another_subject_is_nobodys(gateway: Gateway, subject: str) -> None:
    """A subject that differs by an attribute, their order, a letter's case, a space or an escape resolves nothing."""
    assert foreign(gateway, subject) == EMPTY


def test_a_refused_certificate_is_nobodys(gateway: Gateway) -> None:
    """A certificate that is refused by its hash resolves nothing, whatever its subject."""
    assert foreign(gateway, REGISTRAR, REFUSED) == EMPTY


def test_a_revoked_certificate_has_no_way_in_by_a_subject(site: Site, gateway: Gateway, tmp_path: Path) -> None:
    """The hash goes first: a certificate of ours that is revoked resolves nothing with a mapped subject, and a good one
    stays its own holder's.
    """
    _, identity = enrolled(site.server, "shop", tmp_path)
    ours = Forwarded.of(identity)
    assert foreign(gateway, REGISTRAR, ours.hash)["header"]["Client-Certificate-Issuer"] == ["connector"]
    session = foreign(gateway)
    session["header"]["Client-Certificate-Hash"] = [ours.hash]
    named = [(TENANT, b"acme")]
    assert resolve(gateway, TENANT_MAPPING, session, named).json == session

    site.server.command("revoke", ours.serial)

    assert foreign(gateway, REGISTRAR, ours.hash) == EMPTY
    assert resolve(gateway, TENANT_MAPPING, session, named).json == session


def test_the_tenant_mapping_knows_the_foreign_consumer(gateway: Gateway) -> None:
    """The tenant mapping adds the consumer's scopes, and the tenant that the request names, if it may act there."""
    session = foreign(gateway)

    extra = resolve(gateway, TENANT_MAPPING, session, [(TENANT, b"acme")]).json["extra"]

    assert tenant_in(extra) == "acme"
    assert {name: extra[name] for name in ("scope", "consumerID", "consumerType", "flow", "subject")} == {
        "scope": "application:read runtime:write",
        "consumerID": "registrar-1",
        "consumerType": "Integration System",
        "flow": "Certificate",
        "subject": REGISTRAR,
    }
    assert extra["internal_consumer_id"] == "registrar-1"
    for headers in ([], [(TENANT, b"nobody")], [(TENANT, b"ACME")], [(TENANT, b"")]):
        assert resolve(gateway, TENANT_MAPPING, session, headers).json == session
    only = resolve(gateway, TENANT_MAPPING, foreign(gateway, AUDITOR)).json["extra"]
    assert (tenant_in(only), only["scope"], only["consumerType"]) == ("acme", "", "Technical Client")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Client-Id-From-Certificate", "auditor-1"),
        ("Client-Certificate-Hash", REFUSED),
        ("Client-Certificate-Hash", ""),
        ("Client-Certificate-Hash", "ab" * 31),
        ("Subject-From-Certificate", AUDITOR),
        ("Subject-From-Certificate", ""),
        ("Client-Certificate-Issuer", "connector"),
        ("Client-Certificate-Issuer", "another"),
    ],
)
def test_a_session_that_does_not_fit_together_is_not_mapped(gateway: Gateway, header: str, value: str) -> None:
    """The tenant mapping goes by nothing in the session but what the settings say of it now."""
    session = foreign(gateway)
    session["header"][header] = [value]

    assert resolve(gateway, TENANT_MAPPING, session, [(TENANT, b"acme")]).json == session


def test_a_jwt_is_resolved_to_its_user(site: Site, gateway: Gateway) -> None:
    """A JWT of the issuer leads to a user with the scopes of the role, in the tenant that the request names."""
    answer = resolve(gateway, JWT, {**EMPTY, "subject": "kept"}, [(AUTHORIZATION, b"Bearer " + site.token())]).json

    extra = answer["extra"]
    assert (answer["subject"], answer["header"], tenant_in(extra)) == ("kept", {}, "acme")
    assert (extra["consumerID"], extra["consumerType"], extra["flow"]) == ("ann", "User", "JWT")
    assert "application:write" in extra["scope"].split()
    assert "tenant:write" not in extra["scope"].split()
    assert resolve(gateway, TENANT_MAPPING, answer).json == answer
    everywhere = [(AUTHORIZATION, b"bearer " + site.token(tenants=["*"])), (TENANT, b"default")]
    assert tenant_in(resolve(gateway, JWT, EMPTY, everywhere).json["extra"]) == "default"


def test_a_jwt_that_is_not_good_resolves_nothing(site: Site, gateway: Gateway) -> None:
    """Expired, for another audience, of another key, unsigned, with no role, or for another tenant: the session comes
    back as it came.
    """
    past = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    other = sign(claims(site.issuer, exp=past + 7200, iat=past), make_key("other")).encode()
    unsigned = sign(claims(site.issuer), make_key(), alg="none").encode().rpartition(b".")[0] + b"."
    wrong = [
        site.token(exp=past),
        site.token(aud="x"),
        site.token(roles=[]),
        site.token(iss="x"),
        other,
        unsigned,
        b"x",
    ]
    tried: list[Headers] = [[(AUTHORIZATION, b"Bearer " + token)] for token in wrong]
    tried += [[(AUTHORIZATION, b"Bearer " + site.token()), (TENANT, tenant)] for tenant in (b"default", b"nobody")]
    tried += [[(AUTHORIZATION, b"Bearer " + site.token(tenants=["*"]))], [(AUTHORIZATION, b"Basic eDp5")]]
    tried += [[], [(AUTHORIZATION, b"")], [(b"Proxy-Authorization", b"Bearer " + site.token())]]

    for headers in tried:
        answer = resolve(gateway, JWT, EMPTY, headers)
        assert (answer.status, answer.json) == (200, EMPTY), headers
    assert resolve(gateway, f"{JWT}?access_token={site.token().decode()}").json == EMPTY


def test_two_identities_are_refused(site: Site, gateway: Gateway) -> None:
    """A JWT beside a session that names a client already is refused: nobody could say who calls."""
    answer = resolve(gateway, JWT, foreign(gateway), [(AUTHORIZATION, b"Bearer " + site.token())])

    assert answer.status == 400


def test_another_authenticator_is_not_found(site: Site, gateway: Gateway) -> None:
    """Only the authenticator that the settings name is there."""
    for path in (AUTHN_MAPPING, f"{AUTHN_MAPPING}other", f"{AUTHN_MAPPING}corporate/", f"{JWT}%2f..", f"{JWT}x"):
        assert resolve(gateway, path, EMPTY, [(AUTHORIZATION, b"Bearer " + site.token())]).status == 404


def good_ones(site: Site, path: str, gateway: Gateway) -> tuple[bytes, bytes, bytes, Any]:
    """A header that identifies somebody at this path, with a good value and one of nobody, and the session for it."""
    if path == JWT:
        return AUTHORIZATION, b"Bearer " + site.token(), b"Bearer x", EMPTY
    if path == TENANT_MAPPING:
        return TENANT, b"acme", b"nobody", foreign(gateway)
    if path == TOKEN:
        token = site.server.token(site.server.application(f"shop-{uuid4()}"))
        return CONNECTOR_TOKEN, token.encode(), b"x" * 86, EMPTY
    return CERTIFICATE_DATA, xfcc(REGISTRAR), xfcc("CN=nobody", "ef" * 32), EMPTY


PATHS = [TOKEN, CERTIFICATE, TENANT_MAPPING, JWT]


@pytest.mark.parametrize("path", PATHS)
def test_an_unclear_header_is_refused_on_each_path(site: Site, gateway: Gateway, path: str) -> None:
    """Twice, with underscores, named in Connection, or too long: the good value is not picked out of
    the header; each of the forms is refused. Two values in one, with a comma, resolve nothing.
    """
    name, good, bad, session = good_ones(site, path, gateway)

    for headers in unclear(name, good, bad):
        assert resolve(gateway, path, session, headers).status == 400, headers
    for value in (good + b", " + good, bad + b"," + good):
        answer = resolve(gateway, path, session, [(name, value)])
        assert (answer.status, answer.json == session) in {(200, True), (400, False)}
    assert resolve(gateway, path, session, [(name, good)]).json != session


@pytest.mark.parametrize("path", PATHS)
def test_a_folded_header_is_refused_on_each_path(site: Site, path: str) -> None:
    """A header that goes on in the next line is refused before anybody reads it (RFC 9112 5.2)."""
    with Gateway(site.server.urls["internal"]) as gateway:
        name, good, bad, session = good_ones(site, path, gateway)
    for value in (b"\r\n " + good, bad + b"\r\n\t" + good, good + b"\r\n ;x"):
        with Gateway(site.server.urls["internal"]) as gateway:
            assert resolve(gateway, path, session, [(name, value)]).status == 400


@pytest.mark.parametrize("path", PATHS)
def test_no_spoof_resolves_on_any_path(site: Site, gateway: Gateway, path: str, tmp_path: Path) -> None:
    """With a credential of nobody, no header that a client adds, in sixty ways and more, makes it somebody: the session
    comes back unchanged, or the request is refused.
    """
    name, good, bad, session = good_ones(site, path, gateway)
    _, identity = enrolled(site.server, f"shop-{path.strip('/').replace('/', '-')}", tmp_path)
    added = [
        *spoofs(Forwarded.of(identity), identity.subject.rpartition("CN=")[2]),
        *([(b"X-" + name, good)], [(name + b"-X", good)], [(b"X-Forwarded-" + name, good)], [(b"Cookie", good)]),
        *([(b"X-Original-" + name, good)], [(b"Forwarded", name + b"=" + good)]),
    ]
    assert len(added) > 60

    for spoof in added:
        kept = [pair for pair in spoof if pair[0].lower() != name.lower()]
        for headers in ([(name, bad), *spoof], [*spoof, (name, bad)], [(name, bad), *kept]):
            answer = resolve(gateway, path, session, headers)
            assert (answer.status, answer.json == session) in {(200, True), (400, False)}, headers


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("SUBJECTS", [{**SUBJECTS[0], "subject": "CN=x,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org"}], "this server"),
        ("SUBJECTS", [SUBJECTS[0], SUBJECTS[0]], "same subject"),
        ("SUBJECTS", [{**SUBJECTS[0], "subject": r"CN=a\,b,O=Example"}], "escaped"),
        ("SUBJECTS", [{**SUBJECTS[0], "tenants": []}], "at least one tenant"),
        ("SUBJECTS", [{**SUBJECTS[0], "tenants": ["*", "acme"]}], "alone"),
        ("SUBJECTS", [{**SUBJECTS[0], "refused": ["ab"]}], "SHA-256"),
        ("AUTHENTICATOR", "corporate", "oidc.issuer"),
        ("AUTHENTICATOR", "a/b", "gateways.authenticator"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, setting: str, value: Any, told: str) -> None:
    """A subject of our own certificates, twice the same, one that gateways would escape, no clear tenants, a JWT
    resolver without an issuer: the start says what is wrong, and leaves nothing behind.
    """
    text = value if isinstance(value, str) else json.dumps(value)
    done = subprocess.run(
        [*COMMAND, "serve", "--data-dir", str(tmp_path / "data")],
        env=environment({f"CONNECTOR_GATEWAYS__{setting}": text, "CONNECTOR_GATEWAYS__PROXIES": "127.0.0.1"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert f"gateways.{setting.lower()}" in done.stderr
    assert told in done.stderr
