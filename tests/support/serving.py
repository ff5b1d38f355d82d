"""Listeners served for one test: the server on uvloop, the clients in a thread beside it."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, TypeVar

import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.serving import Limits, Listener, Memory, ServerContext, bind, serve

T = TypeVar("T")

TIMEOUT = 30.0
# Seconds by which a busy machine may be late. What must not happen takes longer than that, or is seen otherwise.
BUSY = 10.0
LARGE = 16 * 1024 * 1024


def run(
    listeners: Sequence[Listener],
    client: Callable[[], T],
    *,
    grace: float = 1.0,
    memory: Memory | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> T:
    """Serve for as long as ``client`` runs, and return its result."""

    async def main() -> T:
        ready, stop = asyncio.Event(), asyncio.Event()
        server = asyncio.create_task(serve(listeners, grace=grace, memory=memory, ready=ready.set, stop=stop))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([server, waiting], return_when=asyncio.FIRST_COMPLETED)
        try:
            return await asyncio.to_thread(client)
        finally:
            stop.set()
            waiting.cancel()
            await server

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main())


def listener(
    tls: ServerContext | None = None, *, app: ASGIApp | None = None, strangers: bool = True, **limits: Any
) -> Listener:
    """A listener on a free port of 127.0.0.1."""
    bound = bind("test", "127.0.0.1", 0, scheme="https" if tls else "http")
    return Listener(bound, app or tell, tls, Limits(**limits), strangers=strangers)


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was seen of the request; /slow after half a second, /unread before the body, /large at length.

    /forever never answers.
    """
    if scope["path"] == "/unread":
        await _answer(send, 413, b"unread")
        return
    if scope["path"] == "/forever":
        await asyncio.sleep(60)
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    if scope["path"] == "/large":
        await _answer(send, 200, bytes(LARGE))
        return
    certificate = scope.get("extensions", {}).get("tls", {}).get("client_cert")
    seen = {
        "path": scope["path"],
        "certificate": sha256(certificate).hexdigest() if certificate else None,
        "extensions": sorted(scope.get("extensions", {})),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": len(body),
    }
    await _answer(send, 200, json.dumps(seen).encode())


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def connect(port: int, context: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> socket.socket:
    """A connection to loopback, from an address of it; with a context, over TLS to ``localhost``."""
    raw = socket.create_connection(("127.0.0.1", port), TIMEOUT, (source, 0))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as every HTTP client does
    if context is None:
        return raw
    try:
        return context.wrap_socket(raw, server_hostname="localhost")
    except BaseException:
        raw.close()
        raise


def read_all(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection, in whatever way."""
    received = b""
    with suppress(ConnectionError, ssl.SSLEOFError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def exchange(port: int, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send the octets; all that comes back until the other side ends the connection."""
    with connect(port, context) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        return read_all(connection)


def read_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """One answer with a Content-Length: its head, its body. Raises EOFError when the connection ends before that."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            raise EOFError(received[:400])
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        chunk = connection.recv(65536)
        if not chunk:
            raise EOFError(received[:400])
        body += chunk
    return head, body


def get(port: int, context: ssl.SSLContext | None = None, path: str = "/") -> dict[str, Any]:
    """What ``tell`` saw of one GET."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with connect(port, context) as connection:
        connection.sendall(request)
        seen: dict[str, Any] = json.loads(read_answer(connection)[1])
    return seen
