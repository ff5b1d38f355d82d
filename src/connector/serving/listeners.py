"""Listeners: bound first, so that their addresses are known before the applications are made; then served."""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from connector.serving.accepting import Acceptor, Entrance
from connector.serving.loads import Load
from connector.serving.memory import Memory
from connector.serving.protocol import Connection, Limits

BACKLOG = 2048

# How often a port is looked for that is free on every address of a host.
PORT_ATTEMPTS = 16

# The time that an application has for tidying up when its time is over.
CANCEL_SECONDS = 1.0


class ListenerError(Exception):
    """A listener cannot be bound to its address."""


@dataclass(frozen=True, slots=True)
class BoundListener:
    """A name, and sockets that hold an address but do not listen yet."""

    name: str
    scheme: str
    host: str
    port: int
    sockets: Sequence[socket.socket]

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def listen(self) -> None:
        """Let peers come; they wait until somebody accepts them.

        Raises:
            ListenerError: somebody else listens there.
        """
        try:
            for one in self.sockets:
                one.listen(BACKLOG)
                one.setblocking(False)  # noqa: FBT003 - there is no keyword for it
        except OSError as error:
            raise ListenerError(f"The {self.name} listener cannot listen at {self.url}: {error}.") from error

    def close(self) -> None:
        """Give the address up."""
        for one in self.sockets:
            one.close()


def bind(name: str, host: str, port: int, *, scheme: str) -> BoundListener:
    """Bind to the port on every address of the host: ``localhost`` is 127.0.0.1 and ::1, where both are there.

    Args:
        name: what it is called where it is spoken of.
        host: a name or an IP address, without brackets.
        port: 0 for one that is free, the same on every address.
        scheme: https or http, for the URL.

    Raises:
        ListenerError: the host has no address of this machine, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        for _ in range(PORT_ATTEMPTS - 1):
            try:
                return BoundListener(name, scheme, host, *_bind_all(addresses))
            except OSError as error:
                if port != 0 or error.errno != errno.EADDRINUSE:
                    raise
        return BoundListener(name, scheme, host, *_bind_all(addresses))
    except OSError as error:
        reason = error.strerror or error
        raise ListenerError(f"The {name} listener cannot be bound to {host}, port {port}: {reason}.") from error


def _bind_all(
    addresses: Sequence[tuple[socket.AddressFamily, tuple[object, ...]]],
) -> tuple[int, Sequence[socket.socket]]:
    """The port, and a socket for every address."""
    bound: list[socket.socket] = []
    missing: OSError | None = None
    port: object = addresses[0][1][1]
    try:
        for family, address in addresses:
            try:
                bound.append(_bind_one(family, (address[0], port, *address[2:])))
            except OSError as error:
                # "localhost" may name ::1 on a machine without IPv6.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error
            else:
                port = bound[-1].getsockname()[1]
        if not bound:
            raise missing or OSError("there is no such address")
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound[0].getsockname()[1], tuple(bound)


def _bind_one(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    # With the protocol named, asyncio sees that what is accepted is TCP, and does not let it wait (TCP_NODELAY).
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


@dataclass(frozen=True, slots=True)
class Listener:
    """What is served where; without ``tls`` in the clear. ``load`` is there where other workers serve it too.

    ``strangers`` says whether who has opened a connection has yet to show a credential.
    """

    bound: BoundListener
    app: ASGIApp
    tls: ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    load: Load | None = None
    strangers: bool = True


class Serving:
    """A listener while it is served."""

    def __init__(self, listener: Listener, memory: Memory) -> None:
        self._listener = listener
        self._state = ServerState()
        self._config = Config(
            listener.app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            workers=1,
        )
        self._config.load()
        self._acceptor = Acceptor(
            Entrance(listener.bound.sockets, listener.tls, listener.limits, listener.strangers, listener.load),
            lambda account: Connection(self._config, self._state, listener.limits, account),
            memory=memory,
            opened=lambda: len(self._state.connections),
        )

    def start(self) -> None:
        """Listen.

        Raises:
            ListenerError: somebody else listens there.
        """
        self._listener.bound.listen()
        self._acceptor.start()

    def tick(self) -> None:
        """Renew what is sent as Date (RFC 9110 6.6.1), and end the connections whose time is up."""
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
        self._acceptor.tell()
        now = asyncio.get_running_loop().time()
        for connection in self._connections():
            connection.check(now)

    def drain(self) -> bool:
        """Accept nothing, ask nothing more of the connections; whether all is done."""
        self._acceptor.stop()
        self._listener.bound.close()
        for connection in self._connections():
            connection.shutdown()
        return not self._state.connections and not self._state.tasks and not self._acceptor.expects

    async def abort(self) -> None:
        """End everything now."""
        self.drain()
        await self._acceptor.abort()
        for connection in self._connections():
            connection.transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)

    def _connections(self) -> list[Connection]:
        return cast("list[Connection]", list(self._state.connections))
