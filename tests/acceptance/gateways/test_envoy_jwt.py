"""Envoy's own check of JWTs, with the configuration of docs/identity-tokens.md, before holders of identity tokens."""

import json
import re
import subprocess
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.acceptance.test_identity_tokens import Holder, enrolled
from tests.support.gateway_site import program, service
from tests.support.pages import DOCS
from tests.support.ports import free_port
from tests.support.server import Server

AUDIENCE, OTHER = "https://api.example.com", "https://other.example.com"
SECONDS = 30.0
CONFIG = """\
static_resources:
  listeners:
    - name: gateway
      address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: gateway
                http_filters:
{filter}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": {extensions}.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: gateway
                      domains: ["*"]
                      routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: service }} }}]
  clusters:
{cluster}
    - name: service
      type: STRICT_DNS
      connect_timeout: 5s
      load_assignment:
        cluster_name: service
        endpoints:
          - lb_endpoints:
              - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {service} }} }} }}
"""


def printed(server: Server, port: int, behind: str) -> str:
    """The page's configuration for this server."""
    page = (DOCS / "identity-tokens.md").read_text()
    parts = [each for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "connector.example.com" in each]
    public = urlsplit(server.urls["public"]).port
    found = []
    for part in parts[:2]:
        text = part.replace("https://connector.example.com", server.urls["public"])
        text = text.replace(
            "address: connector.example.com, port_value: 443", f"address: 127.0.0.1, port_value: {public}"
        )
        text = text.replace("connector.example.com", "localhost")
        found.append(text.replace("/etc/connector/root.pem", str(server.data / "ca" / "root.pem")))
    return CONFIG.format(
        port=port,
        extensions="type.googleapis.com/envoy.extensions",
        filter=textwrap.indent(found[0], " " * 18),
        cluster=textwrap.indent(found[1], " " * 4),
        service=urlsplit(behind).port,
    )


@pytest.fixture(scope="module", name="served")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    audiences = [{"name": each, "tenants": ["*"]} for each in (AUDIENCE, OTHER)]
    settings = {"CONNECTOR_IDENTITY_TOKENS__AUDIENCES": json.dumps(audiences)}
    with Server(tmp_path_factory.mktemp("jwt") / "data", settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def holder(served: Server, tmp_path_factory: pytest.TempPathFactory) -> Holder:
    return enrolled(served, tmp_path_factory.mktemp("holder"), "envoy")


@pytest.fixture(scope="module")
def gate(served: Server, holder: Holder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Envoy in front of a service, once it knows the keys: its URL."""
    here, port = tmp_path_factory.mktemp("envoy"), free_port()
    token = holder.token(AUDIENCE)  # the server has a key then
    with service() as behind:
        config = here / "envoy.yaml"
        config.write_text(printed(served, port, behind))
        command = [str(program("envoy")), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"]
        with (here / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + SECONDS
                while status(url, token) != 200:
                    assert time.monotonic() < deadline, (here / "log").read_text()[-3000:]
                    time.sleep(0.1)
                yield url
            finally:
                process.terminate()
                process.wait(SECONDS)


def status(url: str, token: str | None) -> int:
    with suppress(httpx2.ConnectError):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx2.get(url, headers=headers).status_code
    return 0


def test_a_holder_passes_as_who_it_is(gate: str, holder: Holder) -> None:
    """With a token the service learns tenant and id, whatever the client says of itself."""
    headers = {"Authorization": f"Bearer {holder.token(AUDIENCE)}", "Connector-Subject-Id": "another"}
    seen = httpx2.get(gate, headers=headers).json()["headers"]
    assert seen["connector-subject-id"] == [holder.application]
    assert seen["connector-subject-tenant"] == ["default"]


def test_nobody_else_passes(gate: str, holder: Holder) -> None:
    """Without a token, with one for another audience, with an altered one, and with the certificate's own name."""
    token = holder.token(AUDIENCE)
    head, payload, signature = token.split(".")
    for bad in (None, "x", holder.application, f"{head}.{payload}.", f"{head}.{payload}.{'A' * len(signature)}"):
        assert status(gate, bad) in (401, 403), bad
    assert status(gate, holder.token(OTHER)) == 403
    assert status(gate, token) == 200
