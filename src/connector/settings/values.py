"""The kinds of value that settings have: durations, addresses, URLs, names of hosts. Each is read and shown here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from connector.domain.strict_json import read_text
from connector.pki.general_names import GeneralName, NameKind

MAX_PORT = 65535
MAX_URL = 1024
ALL_TENANTS = "*"

_DURATION = re.compile(r"(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")
_SECONDS = re.compile(r"\d{1,9}")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?)*"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # RFC 3986 2: printable ASCII without quotes, angle brackets and backslash


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds. ``host`` is a name or an IP address without brackets; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """HOST:PORT, as it is written in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_duration(value: object) -> object:
    """A timedelta from ``1d12h``, ``2160h``, ``5m``, ``30s`` or whole seconds; the rest is left to pydantic.

    Raises:
        ValueError: a text that is neither that nor ISO 8601.
    """
    if isinstance(value, bool):
        raise ValueError("It should be a duration, not true or false")  # noqa: TRY004 - pydantic collects ValueErrors
    if not isinstance(value, str) or value.startswith("P"):
        return value
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=int(value))
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError('It should be a duration such as "90d", "2160h", "5m", "30s" or "P90D"')
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def show_duration(value: timedelta) -> str:
    """The duration as :func:`read_duration` reads it: ``90d``, ``1h30m``."""
    seconds = int(value.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def show_size(value: int) -> str:
    """The size in the largest unit that divides it: ``1MiB``, ``32KiB``."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value and value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}B"


def read_address(value: object) -> object:
    """An address from HOST:PORT.

    Raises:
        ValueError: it is not one.
    """
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError('It should be a text "HOST:PORT"')  # noqa: TRY004 - pydantic collects ValueErrors
    host, colon, port = value.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > MAX_PORT:
        raise ValueError(f"It should be HOST:PORT, the port from 0 to {MAX_PORT}")
    if not host:
        raise ValueError("It should name a host; 0.0.0.0 or [::] stands for all")
    if host.startswith("[") and host.endswith("]"):
        return Address(_ipv6(host[1:-1]), int(port))
    if not _HOST.fullmatch(host):
        raise ValueError("Its host should be a name, an IPv4 address, or an IPv6 address in brackets")
    return Address(host, int(port))


def read_optional_address(value: object) -> object:
    """An address from HOST:PORT, or None from ``off``."""
    return None if value in ("off", None) else read_address(value)


def check_https(value: str) -> str:
    """An absolute https URL without user, query and fragment; a slash at its end is dropped.

    Raises:
        ValueError: it is not one.
    """
    return _check_url(value, "https", "It should be an absolute https URL without user, query and fragment")


def check_http(value: str) -> str:
    """An absolute http URL that a certificate can hold; a slash at its end is dropped.

    Not https: to check the certificate of that server, a verifier would have to follow such a URL first (RFC 5280
    section 8).

    Raises:
        ValueError: it is not one.
    """
    wrong = "It should be an absolute http URL without user, query and fragment; verifiers fetch CRLs without TLS"
    url = _check_url(value, "http", wrong)
    try:
        GeneralName(NameKind.URI, url)
    except ValueError:
        raise ValueError(wrong) from None
    return url


def _check_url(value: str, scheme: str, wrong: str) -> str:
    if len(value) > MAX_URL or not _URL.fullmatch(value):
        raise ValueError(wrong)
    try:
        parts = urlsplit(value)
        _, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme != scheme or not host or "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError(wrong)
    check_host(host)
    return value.rstrip("/")


def check_postgresql(value: SecretStr) -> SecretStr:
    """A PostgreSQL URL; libpq reads the rest.

    Raises:
        ValueError: it is none.
    """
    if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("It should be a URL such as postgresql://user@host/database")
    return value


def read_list(value: object) -> object:
    """A list from a text with commas, which is how the environment gives one. An empty text is an empty list."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",")] if value.strip() else []


def read_tables(value: object) -> object:
    """A list of tables from a JSON text, which is how the environment gives one."""
    if not isinstance(value, str):
        return value
    return read_text(value) if value.strip() else []


def every_tenant(tenants: Sequence[str]) -> bool:
    """Whether a list of tenants stands for all: ``["*"]``.

    Raises:
        ValueError: it is empty, or is both.
    """
    if not tenants:
        raise ValueError('tenants should name at least one tenant by its external id, or be ["*"] for all tenants')
    if ALL_TENANTS in tenants and len(tenants) > 1:
        raise ValueError('tenants should be ["*"] alone, or the external ids alone')
    return ALL_TENANTS in tenants


def check_host(value: str) -> str:
    """A DNS name or an IP address, as a server certificate names it (RFC 5280 4.2.1.6).

    Raises:
        ValueError: it is neither.
    """
    if ":" in value:
        return _ipv6(value)
    if not _HOST.fullmatch(value):
        raise ValueError("It should be a DNS name or an IP address")
    if value.replace(".", "").isdecimal():
        return str(ip_address(value))
    return value.lower()


def check_network(value: str) -> str:
    """An IP address or a network in CIDR notation (RFC 4632 3.1), such as ``10.0.0.0/8``.

    Raises:
        ValueError: it is neither, or has bits set beyond its prefix.
    """
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("It should be an IP address or a network such as 10.0.0.0/8") from None


def check_fingerprint(value: str) -> str:
    """The SHA-256 of a certificate, in hexadecimal with or without colons, without them.

    Raises:
        ValueError: it is not one.
    """
    text = value.replace(":", "").lower()
    if not _SHA256.fullmatch(text):
        raise ValueError("It should be a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    return text


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError("It should be an IPv6 address") from None


Duration = Annotated[timedelta, BeforeValidator(read_duration)]
ListenerAddress = Annotated[Address, BeforeValidator(read_address)]
OptionalListenerAddress = Annotated[Address | None, BeforeValidator(read_optional_address)]
Tenants = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], BeforeValidator(read_list)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(check_network)], ...], BeforeValidator(read_list)]
