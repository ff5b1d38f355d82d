"""Compass's clients in Go, as the contract describes them, on Go's own HTTP, TLS, X.509 and JSON."""

from pathlib import Path

import pytest
from tests.support.drivers import build_go, drive, world
from tests.support.server import Server


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_go(tmp_path_factory.mktemp("go"))


def run(program: Path, server: Server, driver: str) -> str:
    """What the driver's last line says."""
    return drive(world(server, f"go-{driver}"), program.parent, str(program), driver)[-1]


def test_client_library_lives_its_whole_life(server: Server, program: Path) -> None:
    """From token to configuration, certificate, renewal and revocation; every answer fits Go's types exactly, every
    refusal has the original's words, and a revoked or unregistered holder is refused at its next call.
    """
    assert run(program, server, "library") == "unregistered, and its certificates with it"


def test_runtime_agent_synchronizes(server: Server, program: Path) -> None:
    """A runtime's agent with a key of 4096 bits fetches the applications of its formations and its labels in one
    document, labels itself, renews, and goes on with the renewed certificate.
    """
    assert run(program, server, "agent") == "unregistered, and its certificates with it"


def test_manager_registers_runtimes(server: Server, program: Path) -> None:
    """Runtimes with names in either case are registered, listed page by page, updated, handed over and unregistered,
    with an API key and with client credentials, whose deletion ends their access token at once.
    """
    assert run(program, server, "manager") == "the client is deleted, and its access token worthless"


def test_legacy_application_lives_its_whole_life(server: Server, program: Path) -> None:
    """Suggested tokens, information, certificate, events by the labels, renewal and revocation over the legacy API,
    each answer with exactly its members, its status and its media type.
    """
    assert run(program, server, "adapter") == "renewed, and the former certificate revoked"


def test_each_way_of_transport_works(server: Server, program: Path) -> None:
    """TLS 1.2 and 1.3, each cipher suite, keys in either form, HTTP/2 offered, kept connections, chunks, Expect."""
    assert run(program, server, "transport").startswith("no handshake without a certificate of the CA")
