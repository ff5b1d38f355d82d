"""A process of many peers that mean no good: ``flood CONNECTIONS RATE SECONDS``; ``stall PEERS KIND...``, ``hold PEERS
KIND``, ``read CONNECTIONS`` or ``documents CONNECTIONS`` until its input ends; ``upload PEERS KIND``.
"""

import asyncio
import itertools
import json
import os
import resource
import socket
import ssl
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from torture.clients import DIRECTOR, REQUEST, Administrator
from torture.wire import Connection, Lost, open_all, trust

say = partial(print, flush=True)

DRIBBLE_SECONDS = 3.0
# Between being cut and coming back.
PAUSE_SECONDS = 5.0
LONGEST_SECONDS = 60.0
# Answers enough to fill every buffer on the way.
UNREAD = 50_000
ESTABLISHED = 1  # tcp(7), TCP_INFO

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def flood(task: Mapping[str, Any], connections: str, rate: str, seconds: str) -> None:
    """Ask for so many tokens a second, for so long, whether or not the former were answered; the statuses that came,
    how many answers did not, and how often no connection was free to ask.
    """
    urls, context = task["urls"]["public"], trust(task["root"].encode())
    opened = [Connection(urls[number % len(urls)], context) for number in range(int(connections))]
    await open_all(opened)
    administrator = Administrator(task["key"])
    statuses = Counter[str]()
    # An application has a thousand system auths at most.
    made = [await administrator.register(opened[0], f"flooded-{time.monotonic_ns()}") for _ in opened]

    async def ask(connection: Connection, application: str) -> None:
        try:
            answer = await administrator.call(connection, REQUEST, id=application)
        except Lost:
            statuses["lost"] += 1
        else:
            wrong = answer.code if answer.status == 200 else None
            statuses[wrong or str(answer.status)] += 1
        idle.append((connection, application))

    idle = deque(zip(opened, made, strict=True))
    asking = set[asyncio.Task[None]]()
    started = time.monotonic()
    for number in range(int(float(rate) * float(seconds))):
        await asyncio.sleep(max(0.0, started + number / float(rate) - time.monotonic()))
        if not idle:
            statuses["not sent"] += 1
            continue
        task_of_one = asyncio.create_task(ask(*idle.popleft()))
        asking.add(task_of_one)
        task_of_one.add_done_callback(asking.discard)
    await asyncio.gather(*asking)
    say(json.dumps(statuses))


def client_hello() -> bytes:
    """What a TLS client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


async def silent(streams: Streams) -> None:
    """Say nothing."""


async def half_a_handshake(streams: Streams) -> None:
    """Say half of what opens a handshake."""
    hello = client_hello()
    streams[1].write(hello[: len(hello) // 2])


async def plain_http(streams: Streams) -> None:
    """Speak HTTP to a port of TLS."""
    streams[1].write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


async def slow_head(streams: Streams) -> None:
    """Send a request's headers, one now and then."""
    streams[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
    for _ in range(20):
        await asyncio.sleep(DRIBBLE_SECONDS)
        streams[1].write(b"X-Slow: slow\r\n")


async def slow_next_head(streams: Streams) -> None:
    """Send a whole request, and then another as slowly."""
    streams[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await slow_head(streams)


async def slow_body(streams: Streams) -> None:
    """Send a request whose body comes an octet now and then."""
    streams[1].write(
        b"POST /connector/graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    for _ in range(20):
        await asyncio.sleep(DRIBBLE_SECONDS)
        streams[1].write(b" ")


async def slow_reader(streams: Streams) -> None:
    """Ask and ask, and take none of the answers."""
    transport = streams[1].transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    streams[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * UNREAD)
    connected = streams[1].get_extra_info("socket")
    # Who reads nothing hears nothing either: the kernel knows whether the connection has ended.
    while connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED:  # noqa: ASYNC110 - and tells no one
        await asyncio.sleep(0.1)
    transport.abort()


# What each kind does once it is connected, and whether that is over TLS.
KINDS: Mapping[str, tuple[Callable[[Streams], Awaitable[None]], bool]] = {
    "silent": (silent, False),
    "half a handshake": (half_a_handshake, False),
    "plain HTTP": (plain_http, False),
    "idle": (silent, True),
    "slow head": (slow_head, True),
    "slow second head": (slow_next_head, True),
    "slow body": (slow_body, True),
    "slow reader": (slow_reader, True),
}


async def stall(task: Mapping[str, Any], peers: str, *kinds: str) -> None:
    """Keep so many peers stalling, of these kinds; the seconds for which each was let."""
    # As cheap a handshake as there is: it is theirs, not the server's, that is in the way here.
    context = trust(task["root"].encode())
    urls = task["urls"]["public"]
    held = defaultdict[str, list[float]](list)
    gate = asyncio.Semaphore(32)
    connected = 0

    async def peer(number: int) -> None:
        nonlocal connected
        name = kinds[number % len(kinds)]
        does, secured = KINDS[name]
        address = urlsplit(urls[number % len(urls)])
        first = True
        while True:
            with suppress(OSError):
                async with gate:
                    streams = await asyncio.open_connection(
                        address.hostname, address.port, ssl=context if secured else None
                    )
                connected += first
                first = False
                started = time.monotonic()
                doing = asyncio.ensure_future(does(streams))
                with suppress(OSError):
                    async with asyncio.timeout(LONGEST_SECONDS):
                        while await streams[0].read(4096):
                            pass
                held[name].append(time.monotonic() - started)
                doing.cancel()
                streams[1].transport.abort()
            await asyncio.sleep(PAUSE_SECONDS)

    os.nice(19)  # what they cost here is not to be taken for what they cost the server
    tasks = [asyncio.create_task(peer(number)) for number in range(int(peers))]
    while connected < len(tasks):  # noqa: ASYNC110 - counted by many tasks
        await asyncio.sleep(0.02)
    say("stalling")
    await asyncio.to_thread(sys.stdin.read)
    for one in tasks:
        one.cancel()
    say(json.dumps(held))


# Of applications(first: 200), all that a viewer may know of their system auths.
DEAR = (
    "{ data { id name auths { id auth { certCommonName oneTimeToken { token used expiresAt connectorURL createdAt "
    "usedAt type } } } } }"
)
ALIASES = (10, 5, 4, 3, 2, 1)


def dear_query(aliases: int) -> str:
    """So many pages of 200 applications, with their system auths and tokens: some 1 800 octets for ten."""
    return "{ " + " ".join(f"a{number}: applications(first: 200) {DEAR}" for number in range(aliases)) + " }"


async def read(task: Mapping[str, Any], connections: str) -> None:
    """Read the dearest that is answered, again and again, over so many connections at once: ten pages in one request,
    and where that is refused fewer; how often which status came.
    """
    os.nice(19)  # what it costs to take the answers in is not to be taken for what they cost the server
    urls, context = task["urls"]["public"], trust(task["root"].encode())
    reader = Administrator(task["key"])
    statuses = Counter[str]()
    ending = asyncio.Event()
    latest = time.monotonic() + ANSWER_SECONDS

    def is_done() -> bool:
        was_answered = any(status.startswith("200") for status in statuses)
        return ending.is_set() and (was_answered or time.monotonic() > latest)

    async def ask(number: int) -> None:
        connection, aliases = Connection(urls[number % len(urls)], context, raw=True), 0
        while not is_done():
            try:
                answer = await reader.call(connection, dear_query(ALIASES[aliases]))
            except Lost:
                statuses["lost"] += 1
                continue
            statuses[f"{answer.status} for {ALIASES[aliases]} pages"] += 1
            if answer.status == 422 and aliases + 1 < len(ALIASES):
                aliases += 1
        connection.close()

    asking = [asyncio.create_task(ask(number)) for number in range(int(connections))]
    await asyncio.to_thread(sys.stdin.read)
    ending.set()
    await asyncio.gather(*asking)
    say(json.dumps(statuses))


# Linux routes all of 127.0.0.0/8 to this machine: so a crowd comes from many addresses.
ADDRESSES = 32
HELD = 250_000
UPLOADED = 16_000_000
# The most seconds for which a peer offers data that nobody takes.
OFFER_SECONDS = 5.0
ANSWER_SECONDS = 60.0

_POST = b"POST /connector/graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_ANNOUNCED = b"Content-Length: %d\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNK = b"ffff\r\n%b\r\n" % (b" " * 0xFFFF)
_TOKEN = b"Connector-Token: nobody-knows-it\r\n"


def body(kind: str, octets: int) -> bytes:
    """A request with a body of so many octets; none where the kind is ``idle``."""
    head = _POST + (_TOKEN if "token" in kind else b"")
    if kind == "idle":
        return b""
    if "chunked" in kind:
        return head + _CHUNKED + _CHUNK * (octets // 0xFFFF + 1)
    return head + _ANNOUNCED % octets + b" " * octets


async def connect_from(number: int, url: str, context: ssl.SSLContext) -> Streams:
    """A connection from one of many addresses."""
    address = urlsplit(url)
    source = f"127.0.1.{1 + number % ADDRESSES}"
    return await asyncio.open_connection(
        "127.0.0.1", address.port, ssl=context, server_hostname="localhost", local_addr=(source, 0)
    )


async def hold(task: Mapping[str, Any], peers: str, kind: str) -> None:
    """Open so many connections, send a request of this kind on each, and take nothing that comes back."""
    context, urls = trust(task["root"].encode()), task["urls"]["public"]
    sent = body(kind, HELD)
    gate = asyncio.Semaphore(32)
    held = set[asyncio.StreamWriter]()
    opened = 0

    async def peer(number: int) -> None:
        nonlocal opened
        with suppress(OSError):
            async with gate:
                reader, writer = await connect_from(number, urls[number % len(urls)], context)
                opened += 1
                held.add(writer)
                if not sent:
                    waiting.add(asyncio.ensure_future(until_closed(reader, writer)))
                    return
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(sent)
                with suppress(TimeoutError):
                    async with asyncio.timeout(OFFER_SECONDS):
                        await writer.drain()

    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read(1)
        writer.transport.abort()
        held.discard(writer)

    waiting = set[asyncio.Future[None]]()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    await asyncio.gather(*(peer(number) for number in range(int(peers))))
    say(json.dumps({"opened": opened, "not opened": int(peers) - opened}))
    await asyncio.to_thread(sys.stdin.read)
    for writer in list(held):
        writer.transport.abort()
    await asyncio.gather(*waiting)


async def upload(task: Mapping[str, Any], peers: str, kind: str) -> None:
    """Send so many long bodies at once; the statuses of the answers."""
    context, urls = trust(task["root"].encode()), task["urls"]["public"]
    sent = body(kind, UPLOADED)
    statuses = Counter[str]()
    opened = [await connect_from(number, urls[number % len(urls)], context) for number in range(int(peers))]

    async def peer(streams: Streams) -> None:
        status = "lost"
        with suppress(OSError, EOFError):
            async with asyncio.timeout(ANSWER_SECONDS):
                offering = asyncio.ensure_future(offer(streams[1]))
                head = await streams[0].readuntil(b"\r\n\r\n")
                status = head.split()[1].decode()
                offering.cancel()
        statuses[status] += 1
        streams[1].transport.abort()

    async def offer(writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            for start in range(0, len(sent), 0x10000):
                writer.write(sent[start : start + 0x10000])
                await writer.drain()

    await asyncio.gather(*map(peer, opened))
    say(json.dumps(statuses))


async def documents(task: Mapping[str, Any], connections: str) -> None:
    """Over each connection one new GraphQL document after the other, without a credential; what came of them."""
    os.nice(19)  # what they cost here is not to be taken for what they cost the server
    urls, context = task["urls"]["public"], trust(task["root"].encode())
    opened = [Connection(urls[number % len(urls)], context) for number in range(int(connections))]
    await open_all(opened)
    numbers = itertools.count(time.monotonic_ns())
    answers = Counter[str]()

    async def send(connection: Connection) -> None:
        while True:
            answer = await connection.post(DIRECTOR, quadratic(next(numbers)))
            answers[answer.code or str(answer.status)] += 1

    sending = [asyncio.create_task(send(connection)) for connection in opened]
    say("sending")
    await asyncio.to_thread(sys.stdin.read)
    for one in sending:
        one.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    say(json.dumps(answers))


def quadratic(number: int) -> str:
    """A document of some 830 characters, like no other, whose fields can be merged with each other in 3 160 ways."""
    return f"query q{number} {{ applications {{ data {{ {'auths{id} ' * 80}}} }} }}"


if __name__ == "__main__":
    behave: Mapping[str, Callable[..., Coroutine[Any, Any, None]]] = {
        "flood": flood,
        "hold": hold,
        "read": read,
        "stall": stall,
        "upload": upload,
        "documents": documents,
    }
    asyncio.run(behave[sys.argv[1]](json.loads(sys.stdin.readline()), *sys.argv[2:]))
