"""`connector gateway`: what it prints, and when it refuses. Each configuration is run in a file of its own."""

import json
import re
import shlex
from collections.abc import Iterator

import pytest
from click.testing import Result
from tests.support.gateways import ADDRESSES
from tests.support.pages import DOCS, commands
from tests.support.server import Server
from typer.testing import CliRunner

from connector.cli.program import app
from connector.domain.refusals.objects import InvalidData

RUNNER = CliRunner()
KINDS = ("nginx", "envoy", "caddy", "traefik", "haproxy", "apache")
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of this test alone


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers gateways with a secret."""
    here = tmp_path_factory.mktemp("gated")
    (here / "secret").touch(mode=0o600)
    (here / "secret").write_text(f"{SECRET}\n")
    settings = {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES, "CONNECTOR_GATEWAYS__SECRET_FILE": str(here / "secret")}
    with Server(here / "data", settings) as running:
        yield running


def ran(server: Server, *arguments: str) -> Result:
    """The command on this server's directory, in this process: there are many, and each is quick."""
    given = [*arguments, "--data-dir", str(server.data)]
    return RUNNER.invoke(app, given, env=dict(server.settings))


def printed(server: Server, *arguments: str) -> str:
    """What the command prints."""
    done = ran(server, "gateway", *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_has_this_installations_addresses_and_ca(kind: str, gated: Server) -> None:
    """It names the internal listener and the CA, and the secret where the gateway itself sends it; no place is open."""
    texts = [printed(gated, kind)]
    if kind in {"haproxy", "apache"}:
        texts.append(printed(gated, kind, "--lua"))
    text = "".join(texts)

    assert "%%" not in text
    assert gated.urls["internal"].rpartition(":")[2] in text
    assert SECRET in text
    assert f"verdict/{kind}" in text
    inline = gated.root.decode().splitlines()[1]
    assert str(gated.data / "ca" / "root.pem") in text or inline in text or kind == "caddy"
    assert json.loads(printed(gated, kind, "--json")) == texts[0]


def test_whoever_may_pass_is_narrowed(gated: Server) -> None:
    """The options become parameters of the verdict's URL, for Envoy before its client's path."""
    options = ("--tenant", "default", "--kind", "Runtime", "--application", "a-1")
    for kind in ("nginx", "caddy", "traefik"):
        text = printed(gated, kind, *options)
        assert f"/verdict/{kind}?tenant=default&kind=Runtime&application=a-1" in text
    envoy = printed(gated, "envoy", *options)
    assert '"/verdict/envoy?tenant=default&kind=Runtime&application=a-1&path="' in envoy


@pytest.mark.parametrize(
    "arguments",
    [
        ("gateway",),
        ("gateway", "iis"),
        ("gateway", "nginx", "--lua"),
        ("gateway", "nginx", "--listen", "443"),
        ("gateway", "nginx", "--service", "ftp://127.0.0.1:8000"),
        ("gateway", "nginx", "--service", "http://127.0.0.1"),
        ("gateway", "nginx", "--certificate", "a b"),
        ("gateway", "nginx", "--key", "a;b"),
        ("gateway", "nginx", "--script", '"'),
        ("gateway", "nginx", "--tenant", "a&b"),
        ("gateway", "nginx", "--tenant", ""),
        ("gateway", "nginx", "--application", "a\nb"),
        ("gateway", "nginx", "--kind", "application"),
    ],
)
def test_what_no_configuration_can_hold_is_refused(arguments: tuple[str, ...], gated: Server) -> None:
    """A wrong argument prints no configuration."""
    done = ran(gated, *arguments)

    assert done.exit_code == 2 or isinstance(done.exception, InvalidData)
    assert "verdict" not in done.stdout


def test_without_a_named_gateway_nothing_is_printed(server: Server) -> None:
    """Where no gateway is answered, the command says which setting to change."""
    done = server.command("gateway", "nginx", check=False)

    assert (done.returncode, done.stdout) == (3, "")
    assert "gateways.proxies" in done.stderr


def test_the_commands_of_the_page_print_configurations(gated: Server) -> None:
    """Each command that docs/gateways.md names works as it stands there, and there is a section for each gateway."""
    page = DOCS / "gateways.md"
    lines = [line for line in commands(page).splitlines() if line.startswith("connector gateway ")]
    assert {shlex.split(line)[2] for line in lines} == set(KINDS)
    for line in lines:
        command, _, target = line.partition(" >")
        assert target.startswith("/etc/")
        assert printed(gated, *shlex.split(command)[2:])
    headings = re.findall(r"^## (\w+)$", page.read_text(), re.MULTILINE)
    assert {*KINDS} <= {heading.lower() for heading in headings}
