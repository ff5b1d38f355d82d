"""TLS that follows an agent's directory: what `connector-agent run` renews is used without a restart.

    client = httpx2.Client(transport=following.transport(Path("/var/lib/connector-agent")))
    context = following.context(Path("/var/lib/connector-agent"))      # for whatever else takes an SSLContext

The agent swaps one symbolic link, ``current``. Where it leads is looked at for each new connection; the transports also
give up the connections that were made with the former certificate.
"""

import ssl
from pathlib import Path
from typing import Any, Self

import httpx2

from connector.client import trust

CURRENT = "current"
KEY = "tls.key"
CHAIN = "tls.crt"
ANCHORS = "ca.crt"

# So many former pools of connections stay open, for the requests that are still under way in them.
KEPT = 1


def context(directory: Path, *, passphrase: bytes | None = None) -> ssl.SSLContext:
    """A client's context, as whose certificate the directory's newest is shown on each new connection.

    Raises:
        OSError: there is no identity in the directory, or the passphrase is wrong.
    """
    return _Following(directory, passphrase)


def version(directory: Path) -> str:
    """The target of the directory's link; it changes with each renewal."""
    return str((directory / CURRENT).readlink())


class _Following(ssl.SSLContext):
    """Hands every connection to a context that was made of the files as they are then."""

    _directory: Path
    _passphrase: bytes | None
    _version: str
    _made: ssl.SSLContext

    def __new__(cls, directory: Path, passphrase: bytes | None) -> Self:
        following = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        following._directory = directory
        following._passphrase = passphrase
        following._version = ""
        following._fresh()
        return following

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """A new connection over a socket."""
        return self._fresh().wrap_socket(*args, **kwargs)

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """A new connection over buffers, as event loops make them."""
        return self._fresh().wrap_bio(*args, **kwargs)

    def _fresh(self) -> ssl.SSLContext:
        while (now := version(self._directory)) != self._version:
            try:
                self._made = self._make(self._directory / now)
            except FileNotFoundError:
                if version(self._directory) == now:
                    raise
            else:
                self._version = now
        return self._made

    def _make(self, files: Path) -> ssl.SSLContext:
        """By the link's target, so that key and chain are of one version whatever is swapped meanwhile."""
        anchors = files / ANCHORS
        made = trust.context(
            anchors.read_bytes() if anchors.exists() else None, (files / CHAIN, files / KEY), self._passphrase
        )
        made.set_alpn_protocols(["http/1.1"])
        return made


class Transport(httpx2.BaseTransport):
    """A transport for :class:`httpx2.Client`."""

    def __init__(self, directory: Path, *, passphrase: bytes | None = None) -> None:
        """Follow the directory. Raises OSError as :func:`context` does."""
        self._directory = directory
        self._context = context(directory, passphrase=passphrase)
        self._version = version(directory)
        self._inner = httpx2.HTTPTransport(verify=self._context)
        self._former: list[httpx2.HTTPTransport] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it over a connection of the newest certificate; requests under way elsewhere end as they began."""
        now = version(self._directory)
        if now != self._version:
            self._former.append(self._inner)
            while len(self._former) > KEPT:
                self._former.pop(0).close()
            self._inner, self._version = httpx2.HTTPTransport(verify=self._context), now
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        for inner in (*self._former, self._inner):
            inner.close()


class AsyncTransport(httpx2.AsyncBaseTransport):
    """A transport for :class:`httpx2.AsyncClient`."""

    def __init__(self, directory: Path, *, passphrase: bytes | None = None) -> None:
        """Follow the directory. Raises OSError as :func:`context` does."""
        self._directory = directory
        self._context = context(directory, passphrase=passphrase)
        self._version = version(directory)
        self._inner = httpx2.AsyncHTTPTransport(verify=self._context)
        self._former: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it over a connection of the newest certificate; requests under way elsewhere end as they began."""
        now = version(self._directory)
        if now != self._version:
            self._former.append(self._inner)
            while len(self._former) > KEPT:
                await self._former.pop(0).aclose()
            self._inner, self._version = httpx2.AsyncHTTPTransport(verify=self._context), now
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        for inner in (*self._former, self._inner):
            await inner.aclose()
