"""TLS between a TCP transport and one connection, with small buffers.

The event loops' own TLS layers allocate a read buffer of 256 KiB for each peer that sends a large record, and keep it
for as long as the connection lasts. Here all connections receive into one buffer. The memory that a connection keeps is
the part of a record that has not arrived whole yet, and what the application has not taken yet: then nothing more is
read from the socket.

The TLS engine is whatever ``context.wrap_bio`` returns: an object with the methods of ``ssl.SSLObject`` that are called
here (``do_handshake``, ``read``, ``write``, ``unwrap``).
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any, cast

# The most plaintext of one record (RFC 8446 5.1).
RECORD = 16 * 1024

_RECEIVED = memoryview(bytearray(8 * 1024))

# OpenSSL's memory BIOs never shrink: each keeps the most that it ever held. So it is fed little at a time.
FED = 2048

# In place of the buffers of a connection that is closed.
_NOTHING = ssl.MemoryBIO()

# Seconds in which a peer may read why its handshake failed before the connection is closed.
ALERT_SECONDS = 1.0

# Linux sends a pending acknowledgement at once (tcp(7)); other systems have no such option.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class _State(IntEnum):
    """The state of the connection. Beyond OPEN, whatever the peer still sends is dropped."""

    HANDSHAKE = 0
    OPEN = 1
    CLOSING = 2  # what was written before is still being sent
    CLOSED = 3  # close_notify and FIN are sent, or the alert; the peer's FIN is awaited
    LOST = 4


class SecureTransport(asyncio.BufferedProtocol, asyncio.Transport):
    """The protocol of a TCP transport, and the transport of the protocol within."""

    __slots__ = (
        "_backlog",
        "_context",
        "_engine",
        "_full",
        "_incoming",
        "_outgoing",
        "_paused",
        "_protocol",
        "_raw",
        "_rest",
        "_settled",
        "_state",
        "_timeout",
        "_timer",
    )

    _raw: asyncio.Transport
    _engine: Any  # an ssl.SSLObject or its like; None before the connection and after it

    def __init__(
        self, context: ssl.SSLContext, protocol: asyncio.Protocol, *, timeout: float, settled: Callable[[bool], None]
    ) -> None:
        """Nothing is connected yet.

        Args:
            context: makes the engine.
            protocol: gets the connection once the handshake is done, and never if it fails.
            timeout: seconds that the handshake may take.
            settled: called once, when the handshake is done (True) or has failed for good.
        """
        self._context = context
        self._protocol: asyncio.Protocol | None = protocol
        self._timeout = timeout
        self._settled: Callable[[bool], None] | None = settled
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._state = _State.HANDSHAKE
        self._paused = False  # the application takes nothing at the moment
        self._full = False  # the peer takes nothing at the moment
        self._backlog: list[bytes | memoryview] = []
        self._rest = b""  # came, and was not given to the engine yet
        self._timer: asyncio.TimerHandle | None = None

    # Called by the TCP transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the peer's hello."""
        self._raw = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        self._engine = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._timer = asyncio.get_running_loop().call_later(self._timeout, self.abort)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - a hint
        """The buffer of all connections: what is in it is taken before the next of them is read."""
        return _RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        """So many octets came."""
        self._feed(_RECEIVED[:nbytes])

    def eof_received(self) -> bool:
        """The peer sends no more. With close_notify or without (RFC 8446 6.1), nobody is left to answer."""
        if self._state is not _State.LOST:
            self._state = _State.CLOSED
        return False  # the TCP transport closes itself after what it was given

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._state = _State.LOST
        self._stop_timer()
        self._let_go()
        protocol, self._protocol = self._protocol, None
        if self._settled is not None:
            self._settle(done=False)
        elif protocol is not None:
            protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer takes its data more slowly than it is written."""
        self._full = True
        if self._state is _State.OPEN and self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The peer took some octets."""
        self._full = False
        while self._backlog and not self._full:
            self._send(self._backlog.pop(0))
        if self._full:
            return
        if self._state is _State.CLOSING:
            self._say_goodbye()
        elif self._state is _State.OPEN and self._protocol is not None:
            self._protocol.resume_writing()

    # Called by the protocol within.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``ssl_object``, ``sslcontext``, and what the TCP transport knows."""
        if name == "ssl_object":
            return self._engine
        if name == "sslcontext":
            return self._context
        return self._raw.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._state > _State.OPEN

    def pause_reading(self) -> None:
        """Pass nothing on, and take nothing from the socket."""
        if not self._paused and self._state is _State.OPEN:
            self._paused = True
            self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Pass on what is here, then read on."""
        if not self._paused:
            return
        self._paused = False
        if self._state is _State.OPEN and self._incoming.pending:
            self._read()
        rest, self._rest = self._rest, b""
        self._feed(memoryview(rest))
        if not self._paused and self._state < _State.LOST:
            self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Octets that were written and not sent."""
        if self._state is _State.LOST:
            return 0
        return sum(map(len, self._backlog)) + self._raw.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """TLS is closed as a whole, by :meth:`close`."""
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, after all that was written before."""
        if self._state is not _State.OPEN or not data:
            return
        if self._full:
            self._backlog.append(bytes(data) if isinstance(data, bytearray) else data)
        else:
            self._send(data)

    def close(self) -> None:
        """Send what was written, then close_notify (RFC 8446 6.1), and wait for the peer to close."""
        if self._state is _State.HANDSHAKE:
            self.abort()
        elif self._state is _State.OPEN:
            self._state = _State.CLOSING
            self.resume_reading()  # the peer's end is to be noticed
            if not self._backlog:
                self._say_goodbye()

    def abort(self) -> None:
        """Close now."""
        if self._state is not _State.LOST:
            self._state = _State.CLOSED
            self._raw.abort()

    # The engine.

    def _feed(self, received: memoryview) -> None:
        """Feed the engine a little at a time. The rest waits outside until the application takes it."""
        for start in range(0, len(received), FED):
            if self._paused:
                self._rest = bytes(received[start:])
                return
            part = received[start : start + FED]
            if self._state is _State.OPEN:
                self._incoming.write(part)
                self._read()
            elif self._state is _State.HANDSHAKE:
                self._incoming.write(part)
                self._shake_hands()

    def _shake_hands(self) -> None:
        try:
            self._engine.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._hang_up()
        else:
            self._flush()
            self._open()

    def _open(self) -> None:
        self._state = _State.OPEN
        self._stop_timer()
        self._settle(done=True)
        if not self._incoming.pending:
            self._acknowledge()
        if self._protocol is not None:
            self._protocol.connection_made(self)
        if self._incoming.pending and self._state is _State.OPEN:
            self._read()

    def _acknowledge(self) -> None:
        """Without a ticket nothing is sent after a TLS 1.3 handshake, and with Nagle's algorithm (RFC 896) the request
        would wait for the acknowledgement that the kernel delays by 40 ms.
        """
        if _QUICKACK is not None:
            with suppress(OSError):
                self._raw.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _read(self) -> None:
        """Pass on what came, a record at a time, until a record is not whole or the application takes no more."""
        read, incoming = self._engine.read, self._incoming
        try:
            while self._state is _State.OPEN and not self._paused:
                received = read(RECORD)
                if not received or self._protocol is None:
                    self.close()  # the peer's close_notify
                    return
                self._protocol.data_received(received)
                if not incoming.pending:
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._hang_up()
        if self._state is _State.OPEN:
            self._flush()  # a key update is answered by one (RFC 8446 4.6.3)

    def _send(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt it, as far as the peer takes it; the rest stays plain and is not copied."""
        if len(data) <= RECORD:
            self._engine.write(data)
            self._raw.write(self._outgoing.read())
            return
        left = memoryview(data)
        while left and not self._full:
            left = left[self._engine.write(left[:RECORD]) :]
            self._raw.write(self._outgoing.read())
        if left:
            self._backlog.insert(0, left)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        self._state = _State.CLOSED
        with suppress(ssl.SSLError):  # it wants the peer's
            self._engine.unwrap()
        self._flush()
        self._raw.write_eof()
        self._let_go()

    def _hang_up(self) -> None:
        """Let the peer read the alert (RFC 8446 6.2): if the socket were closed now, what it still sends would be
        answered by a reset, and the alert be lost.
        """
        self._state = _State.CLOSED
        self._flush()
        self._raw.write_eof()
        self._let_go()
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(ALERT_SECONDS, self.abort)

    def _let_go(self) -> None:
        """Free what is held for the connection: its peer may take a while to close."""
        self._engine, self._backlog, self._rest = None, [], b""
        self._incoming = self._outgoing = _NOTHING

    def _settle(self, *, done: bool) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(done)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
