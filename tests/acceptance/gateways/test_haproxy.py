"""HAProxy with the configuration that `connector gateway haproxy` prints."""

from collections.abc import Iterator, Sequence

import pytest
from tests.support import gateway_site
from tests.support.gateway_site import Site, site


def start(at: Site, *options: str) -> Sequence[str]:
    here = at.here
    (here / "both.pem").write_bytes((here / "gateway.pem").read_bytes() + (here / "gateway.key").read_bytes())
    (here / "verdict.lua").write_text(at.printed("haproxy", "--lua", *options))
    text = at.printed("haproxy", "--certificate", str(here / "both.pem"), *options)
    (here / "haproxy.cfg").write_text(text)
    return ["haproxy", "-f", str(here / "haproxy.cfg")]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("haproxy"), start, "--tenant", "default", "--kind", "Application") as running:
        yield running


def test_a_client_passes_until_it_is_revoked(gate: Site) -> None:
    """A good client passes as who it is; in the request after its revocation, on the same connection, it gets 403."""
    gateway_site.check_life(gate)


def test_a_client_cannot_pass_for_another(gate: Site) -> None:
    """No header of a client changes who it is."""
    gateway_site.check_forgery(gate)


def test_headers_with_underscores_do_not_reach_the_service(gate: Site) -> None:
    """What a client says of itself under a name with underscores does not reach the service."""
    gateway_site.check_underscores(gate)


def test_strangers_do_not_pass(gate: Site) -> None:
    """Without a certificate of this CA nobody passes."""
    gateway_site.check_strangers(gate)


def test_without_a_verdict_nobody_passes(gate: Site) -> None:
    """While Connector hangs or is down, nobody passes; this test is the last, since it ends the server."""
    gateway_site.check_failures(gate)
