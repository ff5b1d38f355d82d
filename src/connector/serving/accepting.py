"""Accepting connections: handshakes run at the same time, and silent peers keep nobody out."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from connector.serving.announced import Announced
from connector.serving.loads import Load
from connector.serving.memory import CLEAR, SECURED, Account, Addresses, Memory, is_within, nothing
from connector.serving.protocol import Connection, Limits
from connector.serving.proxy_header import Client
from connector.serving.secure import SecureTransport

# How many are accepted before the event loop turns to what else there is to do.
BATCH = 16

# Seconds that a handshake has before it gives way to a newer one: an honest one takes milliseconds.
PATIENCE = 0.02

# Seconds without accepting after the system refused to accept: it is out of descriptors, or of memory.
REST = 0.1

# Seconds that a worker with more connections than another leaves to that one before it accepts all the same: the other
# was woken too, and if it is idle it has accepted long before.
YIELD = 0.002

# How many it accepts then, before it looks at the other again.
LEFT = 4

# So long, when stopping, a handshake is waited for.
HONEST_SECONDS = 1.0

# The time that cut handshakes have to end; they are closed at once.
CUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Handshake:
    """A connection that is not open yet; without TLS it opens at once."""

    accepted: socket.socket
    begun: float
    account: Account
    is_balancer: bool

    def cut(self) -> None:
        """End it, as if the peer had. The event loop, which has it in use, then closes it."""
        with suppress(OSError):
            self.accepted.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where connections come in: ``sockets`` that listen and do not block; without ``tls`` they are in the clear.

    ``strangers`` says whether who has opened a connection has yet to show a credential; ``load`` is there where other
    workers have the same sockets.
    """

    sockets: Sequence[socket.socket]
    tls: ssl.SSLContext | None
    limits: Limits
    strangers: bool = True
    load: Load | None = None


class Acceptor:
    """Takes connections from bound sockets, and makes no more handshakes at a time than the limits allow.

    When all are taken the oldest gives way to the next. So what a flood of silent peers can hold is bounded, and who
    shakes hands without delay gets in.
    """

    def __init__(
        self,
        entrance: Entrance,
        connection: Callable[[Account], Connection],
        *,
        memory: Memory,
        opened: Callable[[], int] = int,
    ) -> None:
        """Nothing is accepted yet.

        Args:
            entrance: where connections come in.
            connection: makes what serves one connection.
            memory: of the process; what each connection takes of it is counted from the moment it is accepted.
            opened: how many connections are open.
        """
        limits = entrance.limits
        self._sockets = entrance.sockets
        self._connection = connection
        self._limits = limits
        self._load = entrance.load
        self._opened = opened
        self._tls = entrance.tls
        self._memory = memory
        self._strangers = entrance.strangers
        self._addresses = Addresses(limits.connections_per_address, limits.proxies)
        self._handshakes: dict[_Handshake, None] = {}  # the oldest first
        self._connecting: set[asyncio.Task[object]] = set()
        self._changed = asyncio.Event()  # fewer handshakes are under way
        self._started = False
        self._watching = False
        self._resting: asyncio.TimerHandle | None = None
        self._complained = False

    def start(self) -> None:
        """Accept from now on."""
        self._started = True
        self.tell()
        self._watch()

    def stop(self) -> None:
        """Accept no more, but who has come already: for the system they are connected.

        The handshakes under way go on.
        """
        if self._started:
            for one in self._sockets:
                self._take(one, self._limits.handshakes)
        self._unwatch()
        self._started = False
        if self._load is not None:
            self._load.leave()
        if self._resting is not None:
            self._resting.cancel()

    async def abort(self) -> None:
        """Accept no more, and end the handshakes under way."""
        self.stop()
        for handshake in self._handshakes:
            handshake.cut()
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_SECONDS):
                while self._handshakes:
                    self._changed.clear()
                    await self._changed.wait()
        for task in self._connecting:
            task.cancel()

    @property
    def expects(self) -> bool:
        """Whether a handshake is under way that may be an honest one: it has begun just now."""
        now = asyncio.get_running_loop().time()
        return any(now - handshake.begun < HONEST_SECONDS for handshake in self._handshakes)

    def tell(self) -> None:
        """Let the other workers know how many connections this one has."""
        if self._load is not None and self._started:
            self._load.tell(len(self._handshakes) + self._opened())

    def _watch(self) -> None:
        if self._started and not self._watching and self._resting is None:
            self._watching = True
            for one in self._sockets:
                asyncio.get_running_loop().add_reader(one, self._accept, one)

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            for one in self._sockets:
                asyncio.get_running_loop().remove_reader(one)

    def _accept(self, listening: socket.socket) -> None:
        """A connection has come. A worker with more connections than another one leaves it to that one."""
        self.tell()
        if self._load is None or self._load.is_least:
            self._take(listening, BATCH if self._load is None else 1)
        else:
            self._unwatch()
            self._resting = asyncio.get_running_loop().call_later(YIELD, self._take_what_is_left)

    def _take_what_is_left(self) -> None:
        self._resting = None
        self._watch()
        for one in self._sockets:
            if self._watching:
                self._take(one, LEFT)

    def _take(self, listening: socket.socket, most: int) -> None:
        room = self._limits.handshakes - len(self._handshakes)
        if room <= 0:
            self._make_room()
        for _ in range(min(most, room)):
            try:
                accepted, address = listening.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # the peer has gone again
            except OSError as error:
                self._complain(error)
                self._rest()
                return
            is_balancer = self._tls is not None and self._is_balancer(address[0])
            leave = nothing if is_balancer else self._addresses.enter(address[0])
            if leave is None:
                accepted.close()  # the address has as many strangers as it may
            else:
                octets = CLEAR if self._tls is None else SECURED
                self._begin(accepted, Account(self._memory, octets, leave), is_balancer=is_balancer)

    def _is_balancer(self, address: str) -> bool:
        balancers = self._limits.balancers
        return bool(balancers) and is_within(ip_address(address.partition("%")[0]), balancers)

    def _begin(self, accepted: socket.socket, account: Account, *, is_balancer: bool) -> None:
        accepted.setblocking(False)  # noqa: FBT003 - there is no keyword for it
        loop = asyncio.get_running_loop()
        handshake = _Handshake(accepted, loop.time(), account, is_balancer)
        self._handshakes[handshake] = None
        task = loop.create_task(loop.connect_accepted_socket(partial(self._served, handshake), accepted))
        self._connecting.add(task)
        task.add_done_callback(partial(self._connected, handshake))

    def _served(self, handshake: _Handshake) -> asyncio.BaseProtocol:
        """The event loop's view of the connection."""
        if self._tls is None:
            if not self._strangers:
                handshake.account.vouch()
            return self._connection(handshake.account)
        timeout = self._limits.handshake_timeout
        settled = partial(self._settled, handshake)
        secured = SecureTransport(self._tls, self._connection(handshake.account), timeout=timeout, settled=settled)
        if not handshake.is_balancer:
            return secured
        return Announced(
            secured,
            timeout=timeout,
            announced=partial(self._announced, handshake),
            failed=partial(settled, opened=False),
        )

    def _announced(self, handshake: _Handshake, client: Client) -> bool:
        """Whether the client may connect that a balancer announced: it counts as if it had come by itself."""
        leave = self._addresses.enter(client[0])
        if leave is None:
            return False
        handshake.account.move(leave)
        return True

    def _connected(self, handshake: _Handshake, task: asyncio.Task[object]) -> None:
        """The event loop has the socket, or could not take it."""
        self._connecting.discard(task)
        failed = task.cancelled() or task.exception() is not None
        if failed:
            handshake.accepted.close()
        if failed or self._tls is None:
            self._settled(handshake, not failed)  # in the clear there is nothing to wait for

    def _settled(self, handshake: _Handshake, opened: bool) -> None:  # noqa: FBT001 - a callback's one argument
        """The connection is open, or will never be."""
        if not opened:
            handshake.account.close()
        elif not self._strangers:
            handshake.account.vouch()
        self._handshakes.pop(handshake, None)
        self._changed.set()
        self._watch()

    def _make_room(self) -> None:
        """Accept again when a handshake has ended: the oldest once it has had its time, or another before that."""
        self._unwatch()
        if self._tls is None:
            return
        oldest = next(iter(self._handshakes))
        loop = asyncio.get_running_loop()
        left = oldest.begun + PATIENCE - loop.time()
        if left > 0:
            loop.call_later(left, self._watch)
        else:
            oldest.cut()

    def _rest(self) -> None:
        self._unwatch()
        self._resting = asyncio.get_running_loop().call_later(REST, self._resume)

    def _resume(self) -> None:
        self._resting = None
        self._watch()

    def _complain(self, error: OSError) -> None:
        """Say so once. The cause may last, and peers bring it about as often as they like."""
        if not self._complained:
            self._complained = True
            message = "Connections cannot be accepted at the moment. Allow this process more open files."
            asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
