"""Connections through a load balancer, which says first for whom it connects."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from connector.serving.proxy_header import BadProxyHeaderError, Client, ProxyHeader, read

CLIENT = "announced_client"
"""By this name a transport says who was announced."""


class AnnouncedTransport:
    """The TCP transport of a balancer's connection, which knows the client."""

    def __init__(self, raw: asyncio.Transport, client: Client | None) -> None:
        self._raw = raw
        self._client = client

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The client that was announced, and what the TCP transport knows."""
        return self._client if name == CLIENT else self._raw.get_extra_info(name, default)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the TCP transport's."""
        return getattr(self._raw, name)


class Announced(asyncio.Protocol):
    """Reads the PROXY header; then the connection is the inner protocol's."""

    _raw: asyncio.Transport

    def __init__(
        self,
        inner: asyncio.BufferedProtocol,
        *,
        timeout: float,
        announced: Callable[[Client], bool],
        failed: Callable[[], None],
    ) -> None:
        """Nothing is connected yet.

        Args:
            inner: gets the connection once the header was read, and never without it.
            timeout: seconds that the header may take.
            announced: called with the client; whether it may connect.
            failed: called once where the inner protocol does not get the connection.
        """
        self._inner = inner
        self._timeout = timeout
        self._announced = announced
        self._failed = failed
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the header."""
        self._raw = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(self._timeout, self._raw.abort)

    def data_received(self, data: bytes) -> None:
        """Some octets came."""
        if self._raw.is_closing():
            return
        self._received += data
        try:
            found = read(self._received)
        except BadProxyHeaderError:
            self._raw.abort()
            return
        if found is None:
            return
        if found.client is not None and not self._announced(found.client):
            self._raw.abort()
        else:
            self._hand_over(found)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever it was
        """The connection is gone before the header was whole, or because it was none."""
        self._stop_timer()
        self._failed()

    def _hand_over(self, found: ProxyHeader) -> None:
        self._stop_timer()
        self._raw.set_protocol(self._inner)
        self._inner.connection_made(cast("asyncio.Transport", AnnouncedTransport(self._raw, found.client)))
        rest = memoryview(self._received)[found.octets :]
        while rest and not self._raw.is_closing():
            buffer = memoryview(self._inner.get_buffer(len(rest)))
            taken = min(len(buffer), len(rest))
            buffer[:taken] = rest[:taken]
            self._inner.buffer_updated(taken)
            rest = rest[taken:]

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
