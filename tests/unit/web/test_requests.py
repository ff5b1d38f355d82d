import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from time import monotonic

import pytest
from graphql import build_schema
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send
from tests.support.serving import connect, exchange, listener, read_answer, run

from connector.domain.principals import Anonymous, PresentedToken
from connector.domain.quotas import Quotas
from connector.domain.refusals import Refusal
from connector.domain.refusals.requests import BadRequest, BodyTooLarge, Overloaded, RequestTimeout
from connector.web.graphql.call import Call
from connector.web.graphql.documents import Documents
from connector.web.graphql.endpoint import GraphQLEndpoint
from connector.web.graphql.recognition import Recognizer
from connector.web.graphql.sizes import DocumentLimits
from connector.web.requests import SMALL, BodyLimits, Budget, header, read_body
from connector.web.shares import Shares
from connector.web.throttle import Throttle

LARGE = 64 * 1024
QUERY = b'{"query": "{ a }"}'
DOCUMENTS = DocumentLimits(characters=1000, tokens=100, depth=5, fields=10, aliases=5, root_fields=1)


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    """A POST with these headers."""
    return {"type": "http", "method": "POST", "headers": list(headers)}


def arriving(chunks: Iterator[bytes], end: str = "whole") -> Receive:
    """A body that comes in these chunks, and then is whole, ends before it is, or never ends."""

    async def receive() -> Message:
        for chunk in chunks:
            return {"type": "http.request", "body": chunk, "more_body": True}
        if end == "never":
            await asyncio.sleep(60)
        return {"type": "http.request" if end == "whole" else "http.disconnect"}

    return receive


def read(receive: Receive, limits: BodyLimits, *, anonymous: bool = False) -> bytes:
    """What ``read_body`` reads."""
    return asyncio.run(read_body(scope(), receive, limits, anonymous=anonymous))


def all_given_back(budget: Budget, octets: int) -> bool:
    """Whether the budget is whole again."""
    budget.take(octets)
    with pytest.raises(Overloaded):
        budget.take(1)
    return True


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_body_is_what_its_chunks_are(chunks: list[bytes]) -> None:
    """However a body is cut, it is read whole and unchanged."""
    assert read(arriving(iter(chunks)), BodyLimits(octets=LARGE, seconds=1.0)) == b"".join(chunks)


@pytest.mark.parametrize(
    ("size", "end", "refusal"),
    [
        (LARGE, "whole", None),
        (LARGE + 1, "whole", BodyTooLarge),
        (LARGE, "gone", BadRequest),
        (LARGE, "never", RequestTimeout),
    ],
)
def test_memory_is_given_back(size: int, end: str, refusal: type[Refusal] | None) -> None:
    """Whichever way the reading of a body ends, what it took of the budget is there again."""
    budget = Budget(LARGE)
    chunks = iter([bytes(size // 2), bytes(size - size // 2)])
    with suppress(*([refusal] if refusal else [])):
        read(arriving(chunks, end), BodyLimits(octets=LARGE, seconds=0.1, budget=budget))
        assert refusal is None

    assert all_given_back(budget, LARGE)


def test_refused_for_want_of_memory_gives_back() -> None:
    """A body that finds the budget empty gives back what it had taken before that."""
    budget = Budget(LARGE)
    limits = BodyLimits(octets=2 * LARGE, seconds=1.0, budget=budget)
    with pytest.raises(Overloaded):
        read(arriving(iter([bytes(LARGE), bytes(LARGE)])), limits)

    assert all_given_back(budget, LARGE)


def test_tiny_chunks_take_no_more_memory() -> None:
    """A body that comes octet by octet is held as its octets, not as so many objects."""
    limits = BodyLimits(octets=LARGE, seconds=30.0)
    tracemalloc.start()
    try:
        assert len(read(arriving(bytes([n % 256]) for n in range(LARGE)), limits)) == LARGE
        assert tracemalloc.get_traced_memory()[1] < 8 * LARGE
    finally:
        tracemalloc.stop()


def test_who_shows_no_credential_may_send_little() -> None:
    """A request without a credential is held to a small body, one with a credential to the limit that is set."""
    limits = BodyLimits(octets=LARGE, seconds=1.0)

    assert len(read(arriving(iter([bytes(SMALL)])), limits, anonymous=True)) == SMALL
    assert len(read(arriving(iter([bytes(SMALL + 1)])), limits)) == SMALL + 1
    with pytest.raises(BodyTooLarge):
        read(arriving(iter([bytes(SMALL + 1)])), limits, anonymous=True)


def test_a_large_announcement_is_refused_unread() -> None:
    """A Content-Length over the limit is refused before anything of the body is read."""
    announced = scope((b"content-length", b"%d" % (LARGE + 1)))
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(announced, arriving(iter([]), "never"), BodyLimits(LARGE, 60.0), anonymous=False))


def test_a_header_sent_twice_is_refused() -> None:
    """Of two equal headers none counts: two readers might choose differently."""
    assert header(scope((b"tenant", b"a")), b"tenant") == "a"
    assert header(scope((b"tenant", b"")), b"tenant") is None
    with pytest.raises(BadRequest, match="more than once"):
        header(scope((b"tenant", b"a"), (b"tenant", b"a")), b"tenant")


def served(client: Callable[[int], object], limits: BodyLimits) -> None:
    """Run the client against an endpoint, over real connections."""
    schema = build_schema("type Query { a: String }")

    def authenticate(scope: Scope) -> Call:
        text = header(scope, b"connector-token")
        return Call(PresentedToken(text, None) if text else Anonymous(), None)

    async def recognize(_: Call, __: str | None) -> str:
        return "somebody"

    documents = Documents(schema, DOCUMENTS, introspection=False)
    endpoint = GraphQLEndpoint(
        schema,
        documents,
        authenticate,
        Recognizer(recognize),
        limits,
        Throttle(0, monotonic),
        Shares(Quotas(), 1, monotonic),
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    one = listener(app=app)
    run([one], lambda: client(one.bound.port))


def post(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    """A POST; with a length, one whose body may not be whole."""
    lines = (
        b"POST / HTTP/1.1",
        b"Host: a",
        b"Connection: close",
        b"Content-Length: %d" % (len(body) if length is None else length),
        *headers,
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


JSON = b"Content-Type: application/json"
TOKEN = b"Connector-Token: any"


def test_bodies_held_up_keep_no_standard_request_out() -> None:
    """Clients that hold large bodies half sent use up the budget: then large ones are refused, to be sent again, while
    a small one is answered; when they are gone, large ones are read again.
    """
    large = QUERY + b" " * LARGE

    def prove(port: int) -> None:
        with ExitStack() as stack:
            held = [stack.enter_context(connect(port)) for _ in range(8)]
            for connection in held:
                connection.sendall(post(large[:-1], JSON, TOKEN, length=len(large)))
                time.sleep(0.05)
            for head, body in (read_answer(connection) for connection in held[4:]):
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 2" in head
                assert json.loads(body)["errors"][0]["extensions"]["error"] == "overloaded"
            assert exchange(port, post(QUERY, JSON)).endswith(b'{"data":{"a":null}}')
            held[0].sendall(large[-1:])
            assert read_answer(held[0])[1] == b'{"data":{"a":null}}'
        time.sleep(0.1)
        assert exchange(port, post(large, JSON, TOKEN)).endswith(b'{"data":{"a":null}}')

    # Room for the part of four that is not free, and for half of another.
    each = len(large) - SMALL
    served(prove, BodyLimits(octets=2 * LARGE, seconds=10.0, budget=Budget(4 * each + each // 2)))


@pytest.mark.parametrize("headers", [(), (b"Content-Type:",), (b"Content-Type: text/plain",)])
def test_a_body_that_is_not_called_json_is_refused(headers: tuple[bytes, ...]) -> None:
    """Browsers send such a body across origins without asking first, and a client certificate goes with it."""

    def prove(port: int) -> None:
        answer = exchange(port, post(QUERY, TOKEN, *headers))
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert b'"unsupported_media_type"' in answer

    served(prove, BodyLimits(octets=LARGE, seconds=1.0))


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"OPTIONS"])
def test_a_refused_method_names_those_that_are_allowed(method: bytes) -> None:
    """A 405 comes with Allow (RFC 9110 15.5.6)."""

    def prove(port: int) -> None:
        head, _, _ = exchange(port, post(QUERY, JSON).replace(b"POST", method, 1)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405 ")
        assert b"allow: GET, POST" in head.split(b"\r\n")

    served(prove, BodyLimits(octets=LARGE, seconds=1.0))
