"""Strict Transport Security (RFC 6797): where the public URL is a name of its own, and nowhere else."""

import httpx2
import pytest
from tests.support.server import Server

from connector.bootstrap.objects import is_name_of_its_own
from connector.client.trust import context


@pytest.mark.parametrize(
    "url", ["https://connector.example.com", "https://connector.example.com:443/", "https://a.b.", "https://4.a1"]
)
def test_a_name_on_the_default_port_is_its_own(url: str) -> None:
    """A DNS name with https on port 443 serves this server alone, as far as its URL tells."""
    assert is_name_of_its_own(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://localhost", "https://localhost:8443", "https://connector.localhost", "https://localhost."),
        *("https://127.0.0.1", "https://[::1]", "https://10.0.0.1:443", "https://[::ffff:10.0.0.1]/"),
        *("https://connector", "https://connector.example.com:8443", "http://connector.example.com"),
    ],
)
def test_a_shared_name_or_an_address_is_not(url: str) -> None:
    """localhost, an IP address, a name without a dot and another port may be those of other services."""
    assert not is_name_of_its_own(url)


def header(server: Server, path: str, **options: str) -> str | None:
    """The header of an answer to a browser."""
    with httpx2.Client(verify=context(server.root), base_url=server.urls["public"]) as client:
        return client.get(path, **options).headers.get("strict-transport-security")  # type: ignore[arg-type]


def test_browsers_are_told_where_the_public_url_is_a_name_of_its_own(fresh_server: Server) -> None:
    """The pages that browsers see carry the header once, for a year and for this name alone."""
    fresh_server.settings = {"CONNECTOR_URLS__PUBLIC": "https://connector.example.com"}
    fresh_server.start()

    for path in ("/console/sign-in", "/console/nothing", "/pki/root.pem", "/nothing"):
        assert header(fresh_server, path) == "max-age=31536000"


def test_browsers_are_told_nothing_on_localhost(server: Server) -> None:
    """On localhost the header would reach every other server of the machine."""
    assert header(server, "/console/sign-in") is None
