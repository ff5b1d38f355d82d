"""Long answers: made in turns, encoded piece by piece, bounded, and sent as fast as their peers take them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest
from graphql import build_schema
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from connector.domain.principals import Bearer, Principal
from connector.domain.quotas import Quotas
from connector.domain.refusals.quotas import RateLimited
from connector.domain.refusals.requests import AnswerTooLarge, Overloaded
from connector.web.graphql.allowance import HELD, MIB, AnswerLimits
from connector.web.graphql.call import Call
from connector.web.graphql.cost import DEAR
from connector.web.graphql.dear import DearAnswers
from connector.web.graphql.documents import Documents
from connector.web.graphql.encoding import AnswerMemory, EncodedList, Encoding
from connector.web.graphql.endpoint import GraphQLEndpoint
from connector.web.graphql.plain import AT_ONCE
from connector.web.graphql.recognition import Recognizer
from connector.web.graphql.sizes import DocumentLimits
from connector.web.pieces import PIECE
from connector.web.requests import SMALL, BodyLimits, Budget
from connector.web.shares import Shares
from connector.web.throttle import Throttle

SCHEMA = build_schema(f"""
    directive @cost(each: Int, items: Int) on FIELD_DEFINITION
    type Query {{ few: [Item!]! @cost(items: 10) many: [Item!]! @cost(items: {DEAR}) }}
    type Mutation {{ change: [Item!]! @cost(items: 10) }}
    type Item {{ text: String! inner: [Item!] @cost(items: 1) }}
""")
READER, OTHER = Bearer("one"), Bearer("two")
Resolve = Callable[[Any], Awaitable[object]]


@dataclass(slots=True)
class Peer:
    """Asks an endpoint, and takes its answer as slowly as it likes."""

    endpoint: GraphQLEndpoint
    principal: Principal = READER
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    room: asyncio.Semaphore | None = None
    gone: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, query: str) -> Any:
        """The answer's content."""
        body = json.dumps({"query": query}).encode()
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if waiting:
                return waiting.pop()
            if not self.gone:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "method": "POST",
            "headers": [(b"content-type", b"application/json")],
            "query_string": b"",
            "principal": self.principal,
        }
        await self.endpoint(scope, receive, self._take)
        content = b"".join(self.pieces)
        assert len(content) == int(self.headers[b"content-length"])
        return json.loads(content)

    async def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            self.begun.set()
            return
        if self.room is not None:
            await self.room.acquire()
        self.pieces.append(message["body"])

    def refusal(self, content: Any) -> str:
        """The code with which the whole was refused."""
        assert content["data"] is None
        (error,) = content["errors"]
        return str(error["extensions"]["error"])


async def recognize(call: Call, _: str | None) -> str:
    return repr(id(call.principal))


def served(many: Resolve, *, limits: AnswerLimits | None = None) -> GraphQLEndpoint:
    """An endpoint whose fields are all resolved by this."""
    for root in (SCHEMA.query_type, SCHEMA.mutation_type):
        assert root is not None
        for each in root.fields.values():
            each.resolve = lambda _, info: many(info)
    return GraphQLEndpoint(
        SCHEMA,
        Documents(SCHEMA, DocumentLimits(), introspection=False),
        lambda scope: Call(scope["principal"]),
        Recognizer(recognize),
        BodyLimits(MIB, 10.0),
        Throttle(0, monotonic),
        Shares(Quotas(), 1, monotonic),
        limits or AnswerLimits(),
    )


def items(count: int, text: str = "x") -> list[dict[str, Any]]:
    return [{"text": f"{text}{number}", "inner": [{"text": "é"}]} for number in range(count)]


def giving(content: object) -> Resolve:
    async def resolve(_: Any) -> object:
        return content

    return resolve


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.data())
def test_pieces_are_the_json_of_the_whole(value: Any, data: st.DataObject) -> None:
    """Whatever lists of an answer are encoded beforehand, and in whatever pieces, the text is that of the whole, and
    its octets are counted once.
    """
    limit = 10_000
    encoding = Encoding(AnswerMemory(limit, Budget(limit)))

    def encoded(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {name: encoded(each) for name, each in inner.items()}
        if not isinstance(inner, list):
            return inner
        complete = [encoded(each) for each in inner]
        if not complete or not data.draw(st.booleans()):
            return complete
        found, size = EncodedList(), data.draw(st.integers(1, 3))
        for start in range(0, len(complete), size):
            encoding.add(found, complete[start : start + size])
        return found

    pieces = encoding.whole({"data": encoded(value)})

    text = b"".join(pieces)
    assert text == json.dumps({"data": value}, separators=(",", ":"), ensure_ascii=False).encode()
    encoding.memory.grow(limit - len(text))
    with pytest.raises(AnswerTooLarge):
        encoding.memory.grow(1)


def test_memory_is_given_back() -> None:
    """What an answer takes beyond a small part comes out of the common budget, and is back there when it was taken."""
    budget = Budget(100)
    memory = AnswerMemory(10 * SMALL, budget)
    memory.grow(SMALL + 100)
    with pytest.raises(Overloaded):
        AnswerMemory(10 * SMALL, budget).grow(SMALL + 1)
    AnswerMemory(10 * SMALL, budget).grow(SMALL)  # a small answer is made all the same
    memory.shrink(50)
    other = AnswerMemory(10 * SMALL, budget)
    other.grow(SMALL + 50)
    memory.free()
    memory.free()
    other.free()
    budget.take(100)
    with pytest.raises(Overloaded):
        budget.take(1)


@pytest.mark.parametrize("count", [0, 1, AT_ONCE, AT_ONCE + 1, 5000])
def test_a_long_answer_is_whole(count: int) -> None:
    """However long the list is, the answer has all of it, and its length is announced."""
    peer = Peer(served(giving(items(count))))
    content = asyncio.run(peer.ask("{ many { text inner { text } } }"))

    assert content == {"data": {"many": items(count)}}
    assert peer.headers[b"content-type"] == b"application/json"
    assert peer.headers[b"cache-control"] == b"no-store"
    assert max(map(len, peer.pieces)) <= PIECE


def test_a_slow_peer_holds_one_piece_at_a_time() -> None:
    """No piece is handed on before there is room for it, and the octets that wait are in the budget until then."""

    async def prove() -> None:
        limits = AnswerLimits()
        peer = Peer(served(giving(items(1000, "x" * 1000)), limits=limits), room=asyncio.Semaphore(0))
        asking = asyncio.create_task(peer.ask("{ few { text } }"))
        await peer.begun.wait()
        length = int(peer.headers[b"content-length"])
        for taken in range(3):
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(peer.pieces) == taken
            assert peer.room is not None
            free = HELD - (length - SMALL - sum(map(len, peer.pieces)))
            limits.budget.take(free)
            with pytest.raises(Overloaded):
                limits.budget.take(1)
            limits.budget.give_back(free)
            peer.room.release()
        peer.room = asyncio.Semaphore(1000)
        asking.cancel()
        await asyncio.wait([asking])
        limits.budget.take(HELD)

    asyncio.run(prove())


def test_an_answer_that_is_too_long_is_not_made() -> None:
    """An answer that grows over the limit is refused as a whole, naming the limit, before the rest of it is made."""
    told = 0

    class Counting(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            nonlocal told
            told += 1
            return super().get(name, default)

    content = [Counting(text="x" * 1000) for _ in range(5000)]
    limits = AnswerLimits(octets=MIB)
    peer = Peer(served(giving(content), limits=limits))
    answer = asyncio.run(peer.ask("{ few { text } }"))

    assert peer.status == 422
    assert peer.refusal(answer) == "answer_too_large"
    assert str(MIB) in answer["errors"][0]["message"]
    assert told < 1200
    limits.budget.take(HELD)


def test_a_mutation_is_answered_however_long_its_answer_is() -> None:
    """What was done is never answered with a refusal because of the length of its answer."""
    peer = Peer(served(giving(items(2000, "x" * 1000)), limits=AnswerLimits(octets=MIB)))

    assert len(asyncio.run(peer.ask("mutation { change { text } }"))["data"]["change"]) == 2000


def test_a_query_that_is_too_dear_does_not_run() -> None:
    """A query over the limit is refused before any of its fields is resolved."""

    async def never(_: Any) -> object:
        raise AssertionError

    peer = Peer(served(never, limits=AnswerLimits(cost=100_000)))
    answer = asyncio.run(peer.ask("{ a: many { text } b: many { text } }"))

    assert peer.status == 422
    assert peer.refusal(answer) == "query_too_expensive"


@dataclass(slots=True)
class Gauge:
    """How many are resolved at once, and how many have been."""

    now: int = 0
    most: int = 0
    done: int = 0

    async def resolve(self, _: Any) -> object:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(20):
            await asyncio.sleep(0)
        self.now -= 1
        self.done += 1
        return []


DEAR_QUERY = "{ a: many { text } b: many { text } }"


def test_dear_answers_are_made_one_after_another() -> None:
    """Of any number of dear queries at once one is executed, one root field after the other; cheap ones go on."""

    async def prove() -> None:
        gauge = Gauge()
        endpoint = served(gauge.resolve)
        peers = [Peer(endpoint, READER if number % 2 else OTHER) for number in range(8)]
        await asyncio.gather(*(peer.ask(DEAR_QUERY) for peer in peers))
        assert (gauge.most, gauge.done) == (1, 16)
        assert {peer.status for peer in peers} == {200}
        await asyncio.gather(*(Peer(endpoint).ask("{ few { text } }") for _ in range(8)))
        assert gauge.most == 8

    asyncio.run(prove())


def test_who_does_not_take_a_dear_answer_keeps_nobody_else_waiting() -> None:
    """While one principal's answer waits for its peer, the next of the same waits, and another's is made."""

    async def prove() -> None:
        endpoint = served(giving(items(1000, "x" * 1000)))
        slow = Peer(endpoint, READER, room=asyncio.Semaphore(0))
        asking = asyncio.create_task(slow.ask(DEAR_QUERY))
        await slow.begun.wait()
        next_of_same = Peer(endpoint, READER)
        waiting = asyncio.create_task(next_of_same.ask(DEAR_QUERY))
        other = Peer(endpoint, OTHER)
        await other.ask(DEAR_QUERY)
        assert other.status == 200
        assert next_of_same.status == 0
        assert slow.room is not None
        for _ in range(1000):
            slow.room.release()
        await asyncio.gather(asking, waiting)
        assert (slow.status, next_of_same.status) == (200, 200)

    asyncio.run(prove())


@pytest.mark.parametrize(("waiting", "patience"), [(2, 60.0), (16, 0.0)])
def test_who_waits_too_long_is_told_when_to_come_back(waiting: int, patience: float) -> None:
    """Where too many of one principal wait, or those before take too long, a query is refused with a time to wait."""

    async def prove() -> None:
        limits = AnswerLimits(dear=DearAnswers(waiting, patience))
        endpoint = served(giving(items(1000, "x" * 1000)), limits=limits)
        slow = Peer(endpoint, room=asyncio.Semaphore(0))
        asking = asyncio.create_task(slow.ask(DEAR_QUERY))
        await slow.begun.wait()
        others = [asyncio.create_task(Peer(endpoint).ask(DEAR_QUERY)) for _ in range(2 if patience else 0)]
        await asyncio.sleep(0)
        refused = Peer(endpoint)
        assert refused.refusal(await refused.ask(DEAR_QUERY)) == "rate_limited"
        assert refused.status == 429
        assert int(refused.headers[b"retry-after"]) > 0
        assert slow.room is not None
        for _ in range(1000):
            slow.room.release()
        await asyncio.gather(asking, *others)

    asyncio.run(prove())


def test_nothing_is_made_for_a_peer_that_has_gone() -> None:
    """A dear query whose peer went away while it waited for its turn is not executed."""
    gauge = Gauge()
    asyncio.run(Peer(served(gauge.resolve), gone=True).ask(DEAR_QUERY))

    assert gauge.done == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=20))
def test_turns_are_always_given_back(plan: list[tuple[int, int, bool]]) -> None:
    """However many come, stay and are cancelled, one of each principal has its turn at a time; none is left over."""

    async def prove() -> None:
        dear = DearAnswers(waiting=3, patience=60.0)
        inside = set[int]()

        async def visit(principal: int, steps: int) -> None:
            try:
                end = await dear.turn(principal)
            except RateLimited:
                return
            assert principal not in inside
            inside.add(principal)
            try:
                async with dear.made():
                    for _ in range(steps):
                        await asyncio.sleep(0)
            finally:
                inside.remove(principal)
                end()

        visits = []
        for principal, steps, is_cancelled in plan:
            visit_of_one = asyncio.create_task(visit(principal, steps))
            visits.append(visit_of_one)
            await asyncio.sleep(0)
            if is_cancelled:
                visit_of_one.cancel()
        for found in await asyncio.gather(*visits, return_exceptions=True):
            assert found is None or isinstance(found, asyncio.CancelledError)
        assert not dear._lines  # noqa: SLF001 - that nothing is left is what is proven
        async with asyncio.timeout(1):
            await dear.turn(0)
            async with dear.made():
                pass

    asyncio.run(prove())
