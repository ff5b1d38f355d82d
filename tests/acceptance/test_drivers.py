"""Compass's clients, as the contract describes them, on the HTTP and TLS of their languages (tests/drivers).

The server has its default limits: what these clients do in a life must be within its limits.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.ca import CA
from tests.support.drivers import DRIVERS, build_go, drive, world
from tests.support.gateways import ADDRESSES
from tests.support.registrars import Registrars, registrar, role_rule, settings
from tests.support.server import DEFAULT_LIMITS, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    known = {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES}
    with Server(tmp_path_factory.mktemp("drivers") / "data", {**DEFAULT_LIMITS, **known}) as running:
        yield running


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_go(tmp_path_factory.mktemp("go"))


def go(program: Path, server: Server, driver: str) -> str:
    """What the driver's last line says."""
    return drive(world(server, f"go-{driver}"), program.parent, str(program), driver)[-1]


def test_client_library_in_go_lives_its_whole_life(server: Server, program: Path) -> None:
    """From token to configuration, certificate, renewal and revocation; every answer fits Go's types exactly, every
    refusal has the original's words, and a revoked or unregistered holder is refused at its next call.
    """
    assert go(program, server, "library") == "unregistered, and its certificates with it"


def test_runtime_agent_in_go_synchronizes(server: Server, program: Path) -> None:
    """A runtime's agent with a key of 4096 bits fetches the applications of its formations and its labels in one
    document, labels itself, renews, and goes on with the renewed certificate.
    """
    assert go(program, server, "agent") == "unregistered, and its certificates with it"


def test_manager_in_go_registers_runtimes(server: Server, program: Path) -> None:
    """Runtimes with names in either case are registered, listed page by page, updated, handed over and unregistered,
    with an API key and with client credentials, whose deletion ends their access token at once.
    """
    assert go(program, server, "manager") == "the client is deleted, and its access token worthless"


def test_registrar_in_go_registers_runtimes(program: Path, tmp_path: Path) -> None:
    """The same by a client certificate of another CA to which a rule gives the role of an operator."""
    registrars = Registrars(CA.make("Registrars"), tmp_path)
    held = registrars.client(registrar("operator"))
    rules = settings(registrars, role_rule("operator"), **DEFAULT_LIMITS)
    with Server(tmp_path / "data", rules) as server:
        env = {**world(server, "go-registrar"), "CERTIFICATE": str(held.chain), "KEY": str(held.key)}
        said = drive(env, program.parent, str(program), "registrar")
    assert said[-1] == "without the certificate, in another tenant and beyond its role it is refused"


def test_legacy_callers_in_go_live_their_whole_life(server: Server, program: Path) -> None:
    """Suggested tokens, information, certificate, events by the labels, renewal and revocation over the legacy API,
    each answer with exactly its members, its status and its media type.
    """
    assert go(program, server, "adapter") == "renewed, and the former certificate revoked"


def test_legacy_application_in_go_publishes_its_services(server: Server, program: Path) -> None:
    """Services are published, listed, read as they were sent, replaced and deleted at metadataUrl; a runtime's agent
    that shares a formation reads them as bundles.
    """
    said = go(program, server, "catalogue")
    assert said == "the runtime's agent reads the service as a bundle, with its credential"


def test_gateway_in_go_resolves_tokens_and_certificates(server: Server, program: Path) -> None:
    """A gateway's session comes back with the system auth of a token, once, and of a certificate until it is revoked;
    else it comes back as it was, so that Go reads an empty session.
    """
    assert go(program, server, "resolver") == "a revoked certificate is resolved to nothing"


def test_each_way_of_transport_in_go_works(server: Server, program: Path) -> None:
    """TLS 1.2 and 1.3, each cipher suite, keys in either form, HTTP/2 offered, kept connections, chunks, Expect."""
    assert go(program, server, "transport").startswith("no handshake without a certificate of the CA")


@pytest.mark.parametrize("flow", ["compass", "kyma"])
def test_application_connector_in_node_lives_its_whole_life(server: Server, tmp_path: Path, flow: str) -> None:
    """By GraphQL as Apollo sends it and by the legacy API: a CSR as node-forge makes it, SHA-1 and CRLF, and a renewal
    with the subject of the present certificate.
    """
    env = world(server, f"node-{flow}")
    env["NODE_EXTRA_CA_CERTS"] = env["ROOT"]

    said = drive(env, tmp_path, "node", str(DRIVERS / "node" / "application.mjs"), flow)
    assert said[-1] == "revoked, and the renewed certificate is not"


def test_application_in_java_lives_its_whole_life(server: Server, tmp_path: Path) -> None:
    """Both flows with java.net.http, JSSE and keytool: a key manager that chooses by the issuers that the server names,
    CSRs that ask for an extension, RSA and elliptic keys, Expect: 100-continue.
    """
    said = drive(world(server, "java"), tmp_path, "java", str(DRIVERS / "java" / "Application.java"))
    assert said[-1] == "the legacy flow, with Expect: 100-continue"


def test_application_with_curl_and_openssl_lives_its_whole_life(server: Server, tmp_path: Path) -> None:
    """Base64 in lines, HTTP/1.0 to 2 offered, each TLS version, chunks, Expect, and a kept connection."""
    said = drive(world(server, "curl"), tmp_path, str(DRIVERS / "curl" / "application.sh"))
    assert said[-1] == "renewed with an elliptic key, and the former certificate revoked"
