import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.serving import TIMEOUT, connect, read_answer

from connector.serving import Limits, ListenerError
from connector.serving.descriptors import RESERVE, fit

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def limits(*connections: int) -> list[Limits]:
    """Listeners that allow so many connections."""
    return [Limits(connections=one) for one in connections]


@pytest.mark.parametrize("descriptors", [None, RESERVE + 2 * (4096 + 1024), 1_000_000])
def test_limits_that_fit_stay(descriptors: int | None) -> None:
    """Where there are enough descriptors for all connections, handshakes and the reserve, nothing is lowered."""
    wanted = limits(4096, 4096)

    assert fit(wanted, descriptors) == wanted


@pytest.mark.parametrize(
    ("wanted", "descriptors", "connections"),
    [
        ((4096, 4096), RESERVE + 10_239, [4095, 4095]),
        ((4096, 4096, 4096, 4096), 1024, [179, 179, 179, 179]),
        ((4096, 1024), 1024, [573, 143]),
        ((16, 16), RESERVE + 20, [2, 2]),
    ],
)
def test_limits_are_lowered_in_proportion(wanted: tuple[int, ...], descriptors: int, connections: list[int]) -> None:
    """Where there are too few descriptors every listener gives up the same part of its connections."""
    assert [one.connections for one in fit(limits(*wanted), descriptors)] == connections


@given(st.lists(st.integers(16, 1_000_000), min_size=1, max_size=6), st.integers(1, 2_000_000))
def test_what_is_allowed_never_exceeds_what_there_is(connections: list[int], descriptors: int) -> None:
    """The limits of all listeners and the reserve fit into the descriptors, and none is raised; or it is refused."""
    wanted = limits(*connections)
    with suppress(ListenerError):
        lowered = fit(wanted, descriptors)
        assert sum(one.descriptors for one in lowered) + RESERVE <= descriptors
        assert all(1 <= one.connections <= was.connections for one, was in zip(lowered, wanted, strict=True))


def test_too_few_descriptors_are_refused() -> None:
    """Without a connection for each listener there is no start, and it says what to do."""
    with pytest.raises(ListenerError, match=r"The limit of 140 open files .* for 4 listeners. Raise it"):
        fit(limits(4096, 4096, 4096, 4096), 140)


def test_server_keeps_within_the_limit_of_open_files() -> None:
    """A server that may open few files takes as many connections as fit, closes the next at once, and goes on."""
    fitting = fit(limits(4096), 200)[0].connections
    command = ["sh", "-c", 'ulimit -n 200; exec "$0" -m tests.support.tiny_server 1', sys.executable]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        answered = 0
        with ExitStack() as stack:
            for _ in range(fitting + 40):
                one = stack.enter_context(connect(port))
                with suppress(EOFError, ConnectionError):
                    one.sendall(GET)
                    answered += read_answer(one)[0].startswith(b"HTTP/1.1 200 ")
        server.terminate()
        assert server.communicate(timeout=TIMEOUT) == ("stopped\n", "")
    assert answered == fitting
