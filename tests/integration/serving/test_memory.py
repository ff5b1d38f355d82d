import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from tests.support.serving import LARGE, connect, listener, read_all, read_answer, run, tell

from connector.serving import Memory
from connector.serving.memory import ARENAS, CLEAR, FLOOD, MIB, TRIM_SECONDS, Account, Addresses

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SIGNED = GET.replace(b"/ ", b"/credential ", 1)
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
# As many connections in the clear as fit into this.
ROOM = 8
SMALL = (ROOM + 1) * CLEAR - 1


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """As ``tell``; /credential shows a good one."""
    if scope["path"] == "/credential":
        scope["extensions"]["credential"]["good"]()
    await tell(scope, receive, send)


# What glibc says of its arenas, after sixteen threads have allocated at the same time.
ARENAS_OF_THREADS = """
import ctypes, sys, threading
from connector.serving import share_arenas
if sys.argv[1:] == ["few"]:
    share_arenas()
barrier = threading.Barrier(16)
def allocate():
    barrier.wait()
    kept = [bytearray(50_000) for _ in range(50)]
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(16)]
for each in threads: each.start()
for each in threads: each.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.parametrize("few", [True, False])
def test_threads_share_arenas(few: bool) -> None:  # noqa: FBT001 - what is compared
    """However many threads allocate, there are two arenas; by itself glibc makes one for each."""
    command = [sys.executable, "-c", ARENAS_OF_THREADS, *(["few"] if few else [])]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (said.count("<heap nr=") <= ARENAS) is few, said


def served(connection: socket.socket, request: bytes = GET) -> bool:
    """Whether a request is answered; otherwise the connection has ended."""
    try:
        connection.sendall(request)
        return read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")
    except (EOFError, ConnectionError):
        return False


@contextmanager
def peers(port: int, number: int, request: bytes = GET, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Connections that were answered once."""
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(port, source=source)) for _ in range(number)]
        for connection in opened:
            assert served(connection, request)
        yield opened


def test_an_address_has_so_many_strangers() -> None:
    """Beyond the limit connections of one address are closed; others are served, and whoever leaves makes room."""
    one = listener(connections_per_address=4)

    def prove() -> None:
        with peers(one.bound.port, 4) as held:
            with connect(one.bound.port) as refused:
                assert not served(refused)
            with peers(one.bound.port, 4, source="127.0.0.2"):
                held[0].close()
                time.sleep(0.1)
                with peers(one.bound.port, 1):
                    pass
            assert all(map(served, held[1:]))

    run([one], prove)


def test_a_good_credential_makes_no_stranger() -> None:
    """A connection that has shown a good credential counts no more among the strangers of its address."""
    one = listener(app=app, connections_per_address=4)

    def prove() -> None:
        with peers(one.bound.port, 4, SIGNED), peers(one.bound.port, 4), connect(one.bound.port) as refused:
            assert not served(refused)

    run([one], prove)


@pytest.mark.parametrize(
    "more", [{"proxies": (ip_network("127.0.0.0/8"),)}, {"connections_per_address": 0}], ids=["exempt", "0"]
)
def test_proxies_are_exempt(more: dict[str, object]) -> None:
    """An address of a named proxy has any number of strangers, as has every address where the limit is 0."""
    one = listener(**{"connections_per_address": 4, **more})

    def prove() -> None:
        with peers(one.bound.port, 12):
            pass

    run([one], prove)


def test_holders_have_no_limit() -> None:
    """Where everybody has shown a certificate by the time the connection is open, an address may have any number."""
    one = listener(connections_per_address=4)
    other = listener(strangers=False)

    def prove() -> None:
        with peers(one.bound.port, 4), peers(other.bound.port, 12):
            pass

    run([one, other], prove)


def test_the_newest_strangers_are_closed_when_memory_is_short() -> None:
    """For a connection beyond the limit the newest stranger is closed; the older ones and the known ones stay."""
    one, memory = listener(app=app), Memory(SMALL)

    def prove() -> None:
        with (
            peers(one.bound.port, 2) as oldest,
            peers(one.bound.port, 2, SIGNED) as known,
            peers(one.bound.port, 4) as others,
        ):
            with connect(one.bound.port) as newest:
                assert not served(newest)
            assert all(map(served, [*oldest, *known, *others]))

    run([one], prove, memory=memory)
    assert memory.used == 0


def test_strangers_give_way_to_holders() -> None:
    """When memory is short a holder's connection gets in, and for each a stranger's is closed, the newest first."""
    one, other, memory = listener(), listener(strangers=False), Memory(SMALL)

    def prove() -> None:
        with peers(one.bound.port, ROOM) as strangers:
            with peers(other.bound.port, 3) as holders:
                assert [served(each) for each in strangers] == [True] * (ROOM - 3) + [False] * 3
                assert all(map(served, holders))
            with peers(other.bound.port, ROOM), connect(other.bound.port) as beyond:
                assert not served(beyond)

    run([one, other], prove, memory=memory)
    assert memory.used == 0


def test_bodies_count() -> None:
    """A body under way counts with its octets: of a holder's the one too many is refused as "overloaded"."""
    one, memory = listener(strangers=False), Memory(10 * CLEAR)

    def prove() -> None:
        with connect(one.bound.port) as connection:
            connection.sendall(POST % (20 * CLEAR) + bytes(20 * CLEAR))
            answer = read_all(connection)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b'"overloaded"' in answer
        with connect(one.bound.port) as connection:
            assert served(connection, POST % (8 * CLEAR) + bytes(8 * CLEAR))

    run([one], prove, memory=memory)
    assert memory.used == 0


def test_answers_count_until_they_are_taken() -> None:
    """An answer that its reader does not take counts with its octets, until it is taken or its reader is cut."""
    one, memory = listener(strangers=False, write_timeout=4.0), Memory()

    def until(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not holds() and time.monotonic() < end:
            time.sleep(0.02)
        assert holds()

    def prove() -> None:
        for takes in (True, False):
            with connect(one.bound.port) as connection:
                connection.sendall(GET.replace(b"/ ", b"/large ", 1))
                until(lambda: memory.used > LARGE // 2)
                if takes:
                    read_answer(connection)
                until(lambda: memory.used <= CLEAR)

    run([one], prove, memory=memory)
    assert memory.used == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["change", "vouch", "close"]), st.integers(0, 50)), max_size=40
    ),
    st.integers(10, 200),
)
def test_accounts_add_up(steps: list[tuple[int, str, int]], limit: int) -> None:
    """Whatever connections do, in any order, what is held is the sum of what the open ones hold; and within the limit,
    unless only known ones are left.
    """
    memory = Memory(limit)
    accounts = [Account(memory, 10, lambda: None) for _ in range(4)]
    sizes = [0] * 4
    for account in accounts:
        account.watch(lambda: None)
    for number, act, octets in steps:
        account = accounts[number]
        if act == "change":
            former, sizes[number] = sizes[number], octets
            account.change(former, octets)
        else:
            getattr(account, act)()
        still = [index for index, each in enumerate(accounts) if each.is_open]
        assert memory.used == sum(10 + sizes[index] for index in still)
        assert memory.used <= limit or not any(accounts[index].is_stranger for index in still)
    for account in accounts:
        account.close()
    assert memory.used == 0


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_host_is_an_address_or_a_network_of_64(first: str, second: str, *, is_one: bool) -> None:
    """With IPv6 a host has a /64 (RFC 4291 2.5.4): the addresses of one count together."""
    addresses = Addresses(1)
    leave = addresses.enter(first)
    assert leave is not None
    assert (addresses.enter(second) is None) == is_one
    leave()
    assert addresses.enter(first) is not None


def test_memory_is_given_back_after_a_flood() -> None:
    """What a flood took is the system's again when it is over, and not while it lasts; and not again and again."""
    memory = Memory(1024 * MIB)
    account = Account(memory, 1, lambda: None)

    def flood() -> list[bytes]:
        # Too small to be mapped alone, and one in a hundred stays: so the allocator keeps all.
        taken = [bytes(20_000) for _ in range(8 * FLOOD // 20_000)]
        account.change(0, 8 * FLOOD)
        return taken

    taken = flood()
    high = resident()
    memory.tidy(2 * TRIM_SECONDS)
    assert resident() > high - FLOOD
    kept = taken[::100]
    taken.clear()
    account.change(8 * FLOOD, 0)
    memory.tidy(3 * TRIM_SECONDS)
    assert resident() < high - 6 * FLOOD
    kept += (taken := flood())[::100]
    taken.clear()
    account.change(8 * FLOOD, 0)
    memory.tidy(3.5 * TRIM_SECONDS)
    assert resident() > high - FLOOD
    memory.tidy(4 * TRIM_SECONDS)
    assert resident() < high - 6 * FLOOD
    assert kept


def resident() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
