"""Verdicts on the internal listener, asked for as gateways ask."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx2
import pytest
from tests.support.gateways import ADDRESSES, Forwarded, Gateway, enrolled, spoofs
from tests.support.server import Identity, Server

from connector.web.gateways.forwarded import DIALECTS

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of this test alone
NAMES = [each.name for each in DIALECTS]
# Envoy appends its client's path to the URL that it is given.
ENDING = {"envoy": "path="}


class Known(NamedTuple):
    """An application with a certificate."""

    application: str
    identity: Identity
    forwarded: Forwarded


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers gateways on this machine."""
    with Server(tmp_path_factory.mktemp("gated") / "data", {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES}) as running:
        yield running


def known(server: Server, directory: Path) -> Known:
    application, identity = enrolled(server, f"shop-{uuid4()}", directory)
    return Known(application, identity, Forwarded.of(identity))


@pytest.fixture(scope="module")
def holder(gated: Server, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The holder of a good certificate."""
    return known(gated, tmp_path_factory.mktemp("holder"))


@pytest.fixture(scope="module")
def revoked(gated: Server, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The holder of a revoked certificate."""
    found = known(gated, tmp_path_factory.mktemp("revoked"))
    gated.command("revoke", found.forwarded.serial)
    return found


@pytest.fixture
def gateway(gated: Server) -> Iterator[Gateway]:
    """A gateway's connection."""
    with Gateway(gated.urls["internal"]) as connection:
        yield connection


def path(dialect: str, query: str = "") -> str:
    """The path of this dialect with a query, as the gateway would ask for it."""
    parameters = "&".join(part for part in (query, ENDING.get(dialect, "")) if part)
    return f"/verdict/{dialect}" + (f"?{parameters}" if parameters else "")


@pytest.mark.parametrize("dialect", NAMES)
def test_a_good_certificate_passes_with_its_subject(dialect: str, gateway: Gateway, holder: Known) -> None:
    """A good certificate is answered with 200 and with all that a service needs to know of its holder."""
    answer = gateway.ask(path(dialect), [holder.forwarded.headers[dialect]])

    assert (answer.status, answer.headers["connector-verdict"], answer.body) == (200, "good", b"")
    assert answer.headers["connector-subject-id"] == holder.application
    assert answer.headers["connector-subject-kind"] == "Application"
    assert answer.headers["connector-subject-tenant"] == "default"
    assert answer.headers["connector-subject-name"].startswith("shop-")
    assert answer.headers["connector-subject-auth"] == holder.identity.subject.rpartition("CN=")[2]
    assert answer.headers["connector-subject-certificate"] == holder.forwarded.hash
    assert answer.headers["connector-subject-expires"].endswith("Z")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("dialect", NAMES)
def test_a_revocation_holds_from_the_next_request(dialect: str, gated: Server, tmp_path: Path) -> None:
    """On an open connection there is 200 before a revocation, and 403 in the request after it, each time."""
    with Gateway(gated.urls["internal"]) as gateway:
        for round_ in range(2):
            found = known(gated, tmp_path / str(round_))
            sent = [found.forwarded.headers[dialect]]
            assert gateway.ask(path(dialect), sent).status == 200
            with gated.holder(found.identity) as client:
                client.revoke(gated.mtls_connector)

            answer = gateway.ask(path(dialect), sent)

            assert (answer.status, answer.headers["connector-verdict"]) == (403, "revoked")
            assert not any(name.startswith("connector-subject-") for name in answer.headers)


@pytest.mark.parametrize("dialect", NAMES)
def test_only_certificates_that_were_issued_here_pass(dialect: str, gateway: Gateway, gated: Server) -> None:
    """A certificate that is not in the inventory is unknown, whoever signed it: the server's own, too."""
    root = Forwarded(ssl.PEM_cert_to_DER_cert(gated.root.decode()))

    answer = gateway.ask(path(dialect), [root.headers[dialect]])

    assert (answer.status, answer.headers["connector-verdict"]) == (403, "unknown")


@pytest.mark.parametrize("dialect", NAMES)
def test_no_spoof_passes(dialect: str, gateway: Gateway, holder: Known, revoked: Known) -> None:
    """Whatever a client sends besides, by sixty ways and more: its own revoked certificate decides, or none does."""
    auth = holder.identity.subject.rpartition("CN=")[2]
    own = revoked.forwarded.headers[dialect]
    tried = spoofs(holder.forwarded, auth)
    assert len(tried) >= 60

    for spoof in tried:
        for headers in ([own, *spoof], [*spoof, own]):
            answer = gateway.ask(path(dialect), headers)
            assert (answer.status, answer.headers["connector-verdict"]) in {(403, "revoked"), (403, "ambiguous")}


@pytest.mark.parametrize("dialect", NAMES)
def test_without_a_certificate_nobody_passes(dialect: str, gateway: Gateway, holder: Known) -> None:
    """No header, an empty one, or one of another kind of gateway: there is no certificate."""
    name, _ = holder.forwarded.headers[dialect]
    others = [pair for pair in holder.forwarded.headers.values() if pair[0] != name]

    for headers in ([], [(name, b"")], others, [(b"Certificate-Data", holder.forwarded.xfcc)]):
        answer = gateway.ask(path(dialect), headers)
        assert (answer.status, answer.headers["connector-verdict"]) == (403, "no_certificate")


def test_narrowing_admits_only_what_it_names(gateway: Gateway, gated: Server, holder: Known) -> None:
    """tenant=, kind= and application= each refuse whoever differs, with a word that says in what."""
    sent = [holder.forwarded.headers["nginx"]]
    expected = {
        "tenant=default": "good",
        "kind=Application": "good",
        f"application={holder.application}": "good",
        f"tenant=default&kind=Application&application={holder.application}": "good",
        "tenant=other": "wrong_tenant",
        "tenant=Default": "wrong_tenant",
        "kind=Runtime": "wrong_kind",
        f"application={uuid4()}": "wrong_application",
    }
    for query, word in expected.items():
        answer = gateway.ask(path("nginx", query), sent)
        assert (answer.headers["connector-verdict"], answer.status) == (word, 200 if word == "good" else 403)


@pytest.mark.parametrize(
    "query",
    [
        "tenant=",
        "tenant",
        "tenant=default&tenant=default",
        "tenant=default;kind=Runtime",
        "Tenant=default",
        "kind=application",
        "kind=Tenant",
        "path=/",
        "tenant=a%00b",
        "tenant=%C3%A4",
        "tenant=default&x=1",
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(query: str, gateway: Gateway, holder: Known) -> None:
    """A parameter that is misspelled, empty, doubled or unknown refuses everybody: it must not pass as no limit."""
    answer = gateway.ask(path("nginx", query), [holder.forwarded.headers["nginx"]])

    assert (answer.status, answer.headers["connector-verdict"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("prefix", "status"),
    [
        ("/verdict/envoy?tenant=default&path=", 200),
        ("/verdict/envoy?path=", 200),
        ("/verdict/envoy?tenant=other&path=", 403),
        ("/verdict/envoy?tenant=default", 400),
        ("/verdict/envoy", 404),
        ("/verdict/envoy?", 400),
    ],
)
def test_envoys_client_cannot_write_parameters(prefix: str, status: int, gateway: Gateway, holder: Known) -> None:
    """What Envoy appends of its client's path is not read; with a prefix that would let it be read, nobody passes."""
    for path in ("/", "/a?b=c", "/?tenant=default&path=", "/x&tenant=default&path=/", "/?&kind=Runtime"):
        answer = gateway.ask(f"{prefix}{path}", [holder.forwarded.headers["envoy"]], method="DELETE")
        assert answer.status == status


def test_a_gateway_that_is_not_named_is_refused(tmp_path: Path, gated: Server, holder: Known) -> None:
    """From another address than those that are set, or without the secret, every path answers 403, the resolvers' too;
    with the secret, doubled, nobody passes either.
    """
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{SECRET}\n")
    settings = {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES, "CONNECTOR_GATEWAYS__SECRET_FILE": str(secret)}
    paths = [path(name) for name in NAMES]
    paths += ["/hydrators/v1/tokens/resolve", "/hydrators/v1/certificate/data/resolve", "/hydrators/tenant-mapping"]
    sent = list(dict(holder.forwarded.headers.values()).items())
    named = (b"Connector-Gateway-Secret", SECRET.encode())
    with Server(tmp_path / "with-secret" / "data", settings) as server, Gateway(server.urls["internal"]) as gateway:
        for each in paths:
            for wrong in ([], [(named[0], SECRET[:-1].encode())], [(named[0], b"")], [named, named]):
                answer = gateway.ask(each, [*sent, *wrong], b"{}", "POST")
                assert (answer.status, answer.json["errors"][0]["extensions"]["error"]) == (403, "proxy_unknown")
        assert gateway.ask(path("haproxy"), [*sent, named]).headers["connector-verdict"] == "unknown"
    settings = {"CONNECTOR_GATEWAYS__PROXIES": "192.0.2.1,2001:db8::/32"}
    with Server(tmp_path / "elsewhere" / "data", settings) as server, Gateway(server.urls["internal"]) as gateway:
        for each in paths:
            assert gateway.ask(each, sent, b"{}", "POST").status == 403


def test_nothing_is_served_where_no_gateway_is_named(server: Server) -> None:
    """Without a setting that names gateways, the paths are not there; nor are they on the other listeners."""
    with Gateway(server.urls["internal"]) as gateway:
        for each in (*map(path, NAMES), "/hydrators/v1/tokens/resolve"):
            assert gateway.ask(each).status == 404


def test_the_other_listeners_serve_no_verdicts(gated: Server) -> None:
    """Verdicts and resolvers are on the internal listener alone."""
    verify = ssl.create_default_context(cadata=gated.root.decode())
    with httpx2.Client(verify=verify) as client, Gateway(gated.urls["pki"]) as gateway:
        for each in (*map(path, NAMES), "/hydrators/v1/tokens/resolve"):
            assert gateway.ask(each).status == 404
            assert client.get(f"{gated.urls['public']}{each}").status_code == 404


def test_a_secret_that_can_be_guessed_stops_the_start(tmp_path: Path) -> None:
    """A secret of fewer than 32 characters, or with others than the configuration of every gateway takes, is refused
    at the start, with a sentence that says how to make one and does not hold it.
    """
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    for text in ("short-secret", "x" * 31, "a secret with blanks in it, and long enough"):
        secret.write_text(text)
        server = Server(tmp_path / "data", {"CONNECTOR_GATEWAYS__SECRET_FILE": str(secret)})
        done = server.command("serve", check=False)
        assert done.returncode == 2
        assert "openssl rand -hex 32" in done.stderr
        assert text not in done.stderr
