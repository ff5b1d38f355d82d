"""Which gateways are answered: those of named addresses, and those that send the shared secret."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

from connector.domain.refusals.gateways import ProxyUnknown
from connector.web.gateways.sole import sole

SECRET_HEADER = b"connector-gateway-secret"


class Proxies:
    """The named gateways. If networks and a secret are given, a gateway must satisfy both."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network], secret: str | None) -> None:
        """Name them.

        Raises:
            ValueError: neither is given, which would name everybody.
        """
        if not networks and secret is None:
            raise ValueError("no gateway is named")
        self._networks = tuple(networks)
        self._digest = None if secret is None else sha256(secret.encode()).digest()
        self._holds = lru_cache(maxsize=1024)(self._look_up)

    def check(self, scope: Scope) -> None:
        """Return if the request comes from a named gateway.

        Raises:
            ProxyUnknown: it does not.
        """
        client = scope.get("client")
        if self._networks and (client is None or not self._holds(client[0])):
            raise ProxyUnknown
        if self._digest is not None:
            sent = sole(scope["headers"], SECRET_HEADER, ProxyUnknown)
            if not compare_digest(sha256(sent or b"").digest(), self._digest):
                raise ProxyUnknown

    def _look_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address  # as a socket for both families shows IPv4
        return any(address in network for network in self._networks)
