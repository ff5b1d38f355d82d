"""One HTTP/1.1 connection: uvicorn's, with limits, and with the client's certificate in the scope.

uvicorn and llhttp parse and answer. This module closes the gaps that they leave: heads without end, peers that stall,
requests that two readers might read in two ways, refusals that are no JSON.
"""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network
from ssl import SSLObject
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from connector.domain.refusals import Refusal
from connector.domain.refusals.requests import BadRequest, BodyTooLarge, Overloaded, RequestTimeout
from connector.serving.announced import CLIENT
from connector.serving.corked import CorkedAnswer
from connector.serving.memory import Account

MAX_URL = 8 * 1024
MAX_HEADERS = 100

# The parser is fed in slices, since it says nothing of how much of a chunk it keeps.
SLICE = 4096

# Octets of a body that the application has not taken yet beyond which nothing more is read; and octets of a body that
# was answered already beyond which the connection ends.
HELD = 8 * 1024

# Seconds in which a peer may take note of its refusal, or send the rest of a body that nobody reads any more.
LINGER = 1.0

# So many handshakes may be under way, however few connections are allowed.
FEWEST_HANDSHAKES = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection, and of all of a listener. Times are in seconds.

    ``head`` is the most octets of a request's line and headers, ``head_timeout`` the time for them to arrive, from the
    end of the handshake or from the first octet. ``idle_timeout`` is the time between requests, ``write_timeout`` that
    in which a peer must take some of its answer. Of more than ``connections`` the newest are closed at once; handshakes
    under way are not among them, but have a limit of their own. One address has at most
    ``connections_per_address`` without a good credential, 0 for any number, unless it is in one of the networks of
    ``proxies``. Over TLS, a connection from one of the networks of ``balancers`` begins with a PROXY header, and counts
    for the client that it announces.
    """

    head: int = 32 * 1024
    head_timeout: float = 10.0
    idle_timeout: float = 15.0
    handshake_timeout: float = 10.0
    write_timeout: float = 30.0
    connections: int = 4096
    connections_per_address: int = 0
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    balancers: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def handshakes(self) -> int:
        """The most handshakes under way; when there are more, the oldest give way."""
        return max(FEWEST_HANDSHAKES, self.connections // 4)

    @property
    def descriptors(self) -> int:
        """The most file descriptors that all of this takes."""
        return self.connections + self.handshakes


class _Refused(Exception):  # noqa: N818 - it carries a refusal out of the parser
    """The request is refused with this status."""

    def __init__(self, refusal: Refusal, status: HTTPStatus) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.status = status


def _unreadable() -> _Refused:
    return _Refused(BadRequest(), HTTPStatus.BAD_REQUEST)


def _too_large() -> _Refused:
    return _Refused(BodyTooLarge("The request's headers are too large."), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


class Connection(HttpToolsProtocol):
    """One connection. It asks nothing of the event loop's timers: its listener calls :meth:`check` from time to time.

    The request that is being answered is ``cycle``; another is not begun before that is done (no pipelining: RFC 9112
    9.3.2 lets a server close instead, and a client must then ask again).
    """

    def __init__(self, config: Config, server_state: ServerState, limits: Limits, account: Account) -> None:
        super().__init__(config, server_state, app_state={})
        self._limits = limits
        self._account = account
        self._body = 0  # octets of the request's body so far
        self._untaken = 0  # octets of the answer that the peer had not taken when it was last looked at
        self._in_body = False
        self._unread = 0  # octets that the parser was fed since it last passed something on
        self._dropped = 0  # octets of a body that came after its answer
        self._deadline: float | None = None
        self._stalled_at: float | None = None
        self._deaf = False  # whatever else comes in is dropped
        self._last = False  # the connection is closed after this answer
        self._tls: dict[object, object] | None = None
        self._corked: CorkedAnswer | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The connection is open; over TLS, the handshake is done and the client's certificate verified."""
        super().connection_made(transport)
        self.client = transport.get_extra_info(CLIENT) or self.client
        ssl_object: SSLObject | None = transport.get_extra_info("ssl_object")
        if ssl_object is not None:
            self._tls = {"client_cert": ssl_object.getpeercert(binary_form=True)}
        self._deadline = self.loop.time() + self._limits.head_timeout
        self._account.watch(self.give_way)
        if len(self.connections) > self._limits.connections or not self._account.has_room:
            self.give_way()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._account.close()
        super().connection_lost(exc)

    def give_way(self) -> None:
        """Close at once, without a word: there is no room."""
        self._deaf = True
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, for as long as it keeps within the limits."""
        for start in range(0, len(data), SLICE):
            if self._deaf:
                return
            if not self._in_body and not self._unread and self.cycle is not None:
                self._deadline = self.loop.time() + self._limits.head_timeout
            piece = data[start : start + SLICE]
            self._unread += len(piece)
            try:
                self.parser.feed_data(piece)
                if self._unread > self._limits.head:
                    self._refuse(_too_large())
            except HttpParserUpgrade:
                # It is not granted (RFC 9110 7.8), but what follows may be of that other protocol.
                self._finish()
            except HttpParserError as error:
                # What is raised in a callback comes as the parser's error's context.
                cause = error.__context__
                self._refuse(cause if isinstance(cause, _Refused) else _unreadable())

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._answering or self._deaf:
            raise _unreadable()
        super().on_message_begin()
        extensions: dict[str, dict[object, object]] = {}
        if self._tls is not None:
            extensions["tls"] = dict(self._tls)
        if self._account.is_stranger:
            extensions["credential"] = {"good": self._account.vouch}
        self.scope["extensions"] = extensions

    def on_url(self, url: bytes) -> None:
        """More of the URL."""
        super().on_url(url)
        if len(self.url) > MAX_URL:
            raise _Refused(BodyTooLarge(f"The URL is longer than {MAX_URL} octets."), HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the body it is a trailer, which no application asks for (RFC 9110 6.5.1) nor shall see."""
        if self._in_body:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            raise _too_large()

    def on_headers_complete(self) -> None:
        """The head is whole: start the application on it."""
        is_long = self._check_head()
        super().on_headers_complete()
        self._corked = CorkedAnswer(self.transport, is_last=self.cycle.keep_alive and is_long)
        self.cycle.transport = cast("asyncio.Transport", self._corked)
        self.cycle.keep_alive = self.cycle.keep_alive and not self._last
        self._in_body = True
        self._unread = self._dropped = 0
        self._deadline = None

    def on_body(self, body: bytes) -> None:
        """More of the body."""
        self._unread = 0
        if not self._answering:
            self._drop(len(body))
            return
        super().on_body(body)
        if len(self.cycle.body) > HELD:
            self.flow.pause_reading()
        self._body += len(body)
        self._account.change(self._body - len(body), self._body)
        if not self._account.has_room and not self._deaf:
            self._refuse(_Refused(Overloaded(), HTTPStatus.SERVICE_UNAVAILABLE))

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._unread = 0
        super().on_message_complete()
        if self._corked is not None and not self.cycle.response_started:
            self._corked.is_last = False
        self._await_next()

    def on_response_complete(self) -> None:
        """The answer is written."""
        self._forget_body()
        if self._corked is not None:
            self._corked.flush()  # an answer to HEAD is its head alone
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._await_next()

    def pause_writing(self) -> None:
        """The peer takes its answer slowly."""
        super().pause_writing()
        self._count_untaken()

    def resume_writing(self) -> None:
        """The peer took some of its answer."""
        super().resume_writing()
        self._stalled_at = None
        self._count_untaken()

    def _count_untaken(self) -> None:
        former, self._untaken = self._untaken, self.transport.get_write_buffer_size()
        self._account.change(former, self._untaken)

    def check(self, now: float) -> None:
        """End the connection if one of its times is up; ``now`` is the event loop's."""
        if self.flow.write_paused or self.transport.is_closing():
            self._count_untaken()
            self._stalled_at = now if self._stalled_at is None else self._stalled_at
            if now - self._stalled_at >= (LINGER if self._is_sent else self._limits.write_timeout):
                self.transport.abort()
        elif self._deadline is not None and now >= self._deadline:
            self._deadline = None
            if self._unread and not self._in_body and not self._deaf:
                self._refuse(_Refused(RequestTimeout(), HTTPStatus.REQUEST_TIMEOUT))
            else:
                self.transport.close()

    def shutdown(self) -> None:
        """Answer what has been asked, then close. A request that may be just coming in is waited for a moment."""
        if self._last:
            return
        self._last = True
        if self._answering:
            self.cycle.keep_alive = False
        elif self.cycle is None or self._unread:
            self._deadline = self.loop.time() + LINGER
        else:
            self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_sent(self) -> bool:
        """Whether nothing of ours is left to send, as far as can be seen here: what is missing is the peer's close."""
        ending = self.transport.is_closing() or (self._last and not self._answering)
        return ending and not self.transport.get_write_buffer_size()

    def _await_next(self) -> None:
        """Give the peer time for the next request, or for what is left of the body that was answered already."""
        if self._corked is not None and self._corked.is_last and not self._in_body and not self._answering:
            self._deaf = True
            self.transport.close()
        elif not self._answering and not self._deaf:
            wait = LINGER if self._in_body else self._limits.idle_timeout
            self._deadline = self.loop.time() + wait

    def _check_head(self) -> bool:
        """Refuse what llhttp lets pass, and two readers might read in two ways, or not at all.

        Return whether the body is so long, or may be, that whoever goes on sending it after an early answer is cut off
        (:meth:`_drop`). Such an answer says that the connection ends (RFC 9112 9.6), so nobody asks again on it.

        Raises:
            _Refused: the head is too large; or RFC 9112 2.3: the version is not ours; 3.2: there is not one Host; 6.1:
                a transfer coding other than chunked, or any in HTTP/1.0.
        """
        octets, hosts, codings, is_long = len(self.url), 0, list[bytes](), False
        for name, value in self.headers:
            octets += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding":
                codings.append(value.lower())
                is_long = True
            elif name == b"content-length":
                is_long = is_long or int(value) > HELD
        if octets > self._limits.head:
            raise _too_large()
        version = self.parser.get_http_version()
        if version == "1.1":
            readable = hosts == 1 and codings in ([], [b"chunked"])
        else:
            readable = version == "1.0" and hosts <= 1 and not codings
        if not readable:
            raise _unreadable()
        return is_long

    def _forget_body(self) -> None:
        """The application has no more use for it."""
        if self._body:
            self._account.change(self._body, 0)
            self._body = 0

    def _drop(self, octets: int) -> None:
        """Count octets of a body that was answered already. A peer that sends many has not read the answer: our side is
        closed, and over TLS anything that it still sends is not even decrypted.
        """
        self._dropped += octets
        if self._dropped > HELD and not self._deaf:
            self._deaf = True
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    def _finish(self) -> None:
        """Hear no more; close when the answer that is due is written."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _refuse(self, refused: _Refused) -> None:
        """Hear no more; answer with the refusal, unless an answer is due or begun already; close."""
        if self._deaf:
            return
        if self._answering and not self._in_body:
            self._finish()
            return
        self._deaf = True
        begun = self._in_body and self.cycle.response_started
        if self._in_body:
            # The application waits for the rest of a body that cannot be read.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._forget_body()
        if begun:
            self.transport.close()
            return
        self.transport.write(self._answer(refused))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.time() + LINGER

    def _answer(self, refused: _Refused) -> bytes:
        """The refusal in the shape of every other one, since some clients read nothing but ``errors``."""
        error = {"error": refused.refusal.code, "error_code": 22, "code": "BAD_USER_INPUT"}
        content = {"errors": [{"message": str(refused.refusal), "extensions": error}], "data": None}
        body = json.dumps(content, separators=(",", ":")).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (refused.status, refused.status.phrase.encode(), head, body)
