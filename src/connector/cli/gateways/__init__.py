"""The command that prints the configuration of a gateway. Its texts are the files in this directory."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from string import Template
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import typer
from cryptography.hazmat.primitives.serialization import Encoding

from connector.bootstrap.administration import Administration
from connector.cli.output import Verbatim
from connector.domain.directory import EntityKind
from connector.domain.refusals.objects import InvalidData
from connector.settings.values import Address, read_address
from connector.usecases.realms import Installation

SECRET_NAME = "Connector-Gateway-Secret"  # noqa: S105 - a header's name
ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to
LOOPBACK = "127.0.0.1"


class Gateway(StrEnum):
    """The gateways for which there is a configuration."""

    NGINX = "nginx"
    ENVOY = "envoy"
    CADDY = "caddy"
    TRAEFIK = "traefik"
    HAPROXY = "haproxy"
    APACHE = "apache"


_FILES: Mapping[Gateway, str] = {
    Gateway.NGINX: "nginx.conf",
    Gateway.ENVOY: "envoy.yaml",
    Gateway.CADDY: "Caddyfile",
    Gateway.TRAEFIK: "traefik.yaml",
    Gateway.HAPROXY: "haproxy.cfg",
    Gateway.APACHE: "apache.conf",
}
_SCRIPTS: Mapping[Gateway, str] = {Gateway.HAPROXY: "haproxy.lua", Gateway.APACHE: "apache.lua"}

# How each configuration makes the gateway send the secret, at the place of %%{secret}.
_SECRETS: Mapping[Gateway, str] = {
    Gateway.NGINX: "        proxy_set_header {name} {secret};\n",
    Gateway.CADDY: "\t\t\theader_up {name} {secret}\n",
    Gateway.TRAEFIK: '          {name}: "{secret}"\n',
    Gateway.ENVOY: " " * 24
    + "authorization_request:\n"
    + " " * 26
    + "headers_to_add:\n"
    + " " * 28
    + '- {{ key: {name}, value: "{secret}" }}\n',
}
_WARNING = "# It contains a secret: let nobody else read this file.\n"
# Traefik has the secret in the request itself: it must not reach the service.
_HIDE = f"""\
    connector-hide:
      headers:
        customRequestHeaders:
          {SECRET_NAME}: ""
"""
_INDENTS: Mapping[Gateway, int] = {Gateway.ENVOY: 22, Gateway.TRAEFIK: 12}


# No configuration needs quotation marks for these.
_PATH = re.compile(r"[A-Za-z0-9/._+@=:\-]{1,4096}")
_VALUE = re.compile(r"[A-Za-z0-9._\-]{1,128}")


class _Text(Template):
    """A configuration, in which no other program's variables are touched."""

    delimiter = "%%"


def _address(text: str) -> str:
    try:
        read_address(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None
    return text


def _service(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.port is None or parts.path not in {"", "/"}:
        raise typer.BadParameter("It should be a URL such as http://127.0.0.1:8000.")
    return text.rstrip("/")


def _file(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise typer.BadParameter("It should be a path without blanks and special characters.")
    return text


def _value(text: str | None) -> str | None:
    if text is not None and not _VALUE.fullmatch(text):
        raise typer.BadParameter("No tenant or application has this id.")
    return text


@dataclass(frozen=True, slots=True)
class Site:
    """The gateway's own place: what it has behind it, and what it shows to its clients."""

    service: Annotated[str, typer.Option(metavar="URL", callback=_service, help="The service behind the gateway.")] = (
        "http://127.0.0.1:8000"
    )
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", callback=_address, help="Where the gateway listens.")] = (
        "0.0.0.0:443"
    )
    certificate: Annotated[
        str, typer.Option(metavar="FILE", callback=_file, help="The gateway's own certificate chain.")
    ] = "/etc/ssl/certs/gateway.pem"
    key: Annotated[str, typer.Option(metavar="FILE", callback=_file, help="Its key.")] = "/etc/ssl/private/gateway.key"


@dataclass(frozen=True, slots=True)
class Script:
    """The Lua script of the gateways that need one."""

    script: Annotated[
        str, typer.Option(metavar="FILE", callback=_file, help="Where the Lua script of haproxy and apache will be.")
    ] = "/etc/connector/verdict.lua"
    lua: Annotated[bool, typer.Option("--lua", help="Print that script instead.")] = False


@dataclass(frozen=True, slots=True)
class Holders:
    """The holders that may pass, where not every one may."""

    tenant_id: Annotated[
        str | None, typer.Option("--tenant", callback=_value, help="The one tenant that may pass.")
    ] = None
    kind: Annotated[EntityKind | None, typer.Option(help="The one kind of holder that may pass.")] = None
    application: Annotated[
        str | None, typer.Option(metavar="ID", callback=_value, help="The one application that may pass.")
    ] = None

    @property
    def narrowing(self) -> Mapping[str, str]:
        """The parameters of the verdict's URL."""
        given = {"tenant": self.tenant_id, "kind": self.kind, "application": self.application}
        return {name: value for name, value in given.items() if value is not None}


def print_gateway(
    admin: Administration,
    _: Installation,
    kind_of_gateway: Annotated[Gateway, typer.Argument(metavar="GATEWAY", help=f"{', '.join(Gateway)}.")],
    site: Site,
    script: Script,
    holders: Holders,
) -> Verbatim:
    """Print a gateway's configuration that lets only holders of good certificates pass."""
    if script.lua and kind_of_gateway not in _SCRIPTS:
        raise InvalidData(f"There is no Lua script for {kind_of_gateway}. Leave out --lua.")
    values = {
        **_connector(admin, kind_of_gateway),
        **_narrowed(holders.narrowing),
        **_addresses(site.listen, site.service),
        "certificate": site.certificate,
        "key": site.key,
        "script": script.script,
    }
    name = _SCRIPTS[kind_of_gateway] if script.lua else _FILES[kind_of_gateway]
    return Verbatim(_Text(files(__package__).joinpath(name).read_text("utf-8")).substitute(values))


def _connector(admin: Administration, gateway: Gateway) -> Mapping[str, object]:
    """This installation: where it answers gateways, whom it trusts, how long it keeps connections."""
    secret = admin.gateway_secret
    if admin.internal is None:
        raise InvalidData("The internal listener is off, and gateways ask there. Set listeners.internal.")
    if secret is None and not admin.settings.gateways.proxies:
        raise InvalidData("No gateway is answered yet. Set gateways.proxies or gateways.secret_file, and restart.")
    root = str((admin.settings.data_dir / "ca" / "root.pem").absolute())
    if not _PATH.fullmatch(root):
        raise InvalidData(f"{root} has characters that need quotation marks. Use a data directory without them.")
    parts = urlsplit(admin.internal)
    host = parts.hostname or LOOPBACK
    if host in ANY_ADDRESS or host == "localhost":
        host = LOOPBACK
    sent = _SECRETS.get(gateway, "").format(name=SECRET_NAME, secret=secret) if secret is not None else ""
    carries = secret is not None and gateway not in _SCRIPTS
    return {
        "verdicts": Address(host, parts.port or 80),
        "verdicts_host": host,
        "verdicts_port": parts.port or 80,
        "root": root,
        "trusted": _trusted(admin, gateway),
        # Shorter than the server keeps a connection, so that no request meets one that is just being closed.
        "idle": max(1, int(admin.settings.limits.idle_timeout.total_seconds()) // 2),
        "secret": sent,
        "secret_text": secret or "",
        "secret_name": f", {SECRET_NAME}" if secret is not None else "",
        "hide": _HIDE if secret is not None else "",
        "hide_name": ", connector-hide" if secret is not None else "",
        "warning": _WARNING if carries else "",
    }


def _trusted(admin: Administration, gateway: Gateway) -> str:
    """The root and the issuing CA, as the configuration takes them where it can hold them itself."""
    certificates = (admin.root, admin.issuing)
    if gateway is Gateway.CADDY:
        lines = (each.public_bytes(Encoding.DER) for each in certificates)
        return "\n".join(f"\t\t\t\ttrust_der {b64encode(line).decode()}" for line in lines)
    text = "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)
    indent = " " * _INDENTS.get(gateway, 0)
    return "\n".join(f"{indent}{line}" for line in text.splitlines())


def _narrowed(narrowing: Mapping[str, str]) -> Mapping[str, str]:
    query = urlencode(narrowing)
    return {"query": f"?{query}" if query else "", "parameters": f"{query}&" if query else ""}


def _addresses(listen: str, service: str) -> Mapping[str, object]:
    bound = read_address(listen)
    assert isinstance(bound, Address)  # noqa: S101 - for the type: it was checked
    parts = urlsplit(service)
    port = parts.port or 80
    return {
        "listen": bound,
        "listen_host": bound.host,
        "listen_port": bound.port,
        "service": service,
        "service_host": parts.hostname,
        "service_port": port,
        "service_address": Address(parts.hostname or LOOPBACK, port),
    }
