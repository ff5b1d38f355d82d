"""What an execution leaves behind, and whom it keeps waiting."""

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any
from weakref import ref

import pytest
from graphql import DocumentNode, ExecutionResult, build_schema, execute, parse

from connector.web.graphql.execution import Execution
from connector.web.graphql.plain import AT_ONCE
from connector.web.graphql.wanted import wanted

SCHEMA = build_schema(
    "type Query { items: [Item] page: Page } type Page { items: [Item] } type Item { number: Int! inner: [Item] }"
)
DOCUMENT = parse("{ items { number inner { number } } }")
PAGE = parse("{ page { items { number inner { number } } } }")
ITEMS = 40 * AT_ONCE


@dataclass(slots=True, weakref_slot=True)
class Context:
    """What resolvers are given."""

    names: frozenset[str] = frozenset()


def item(number: object) -> dict[str, Any]:
    return {"number": number, "inner": [{"number": each} for each in range(2)]}


async def answer(items: object, document: DocumentNode = DOCUMENT) -> ExecutionResult:
    async def resolve(_: object) -> object:
        return items

    async def resolve_page(_: object) -> object:
        return {"items": items}

    root = {"items": resolve, "page": resolve_page}
    result = execute(SCHEMA, document, root, executor_class=Execution)
    return await result if isawaitable(result) else result


@pytest.fixture
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize("count", [1, ITEMS])
def test_an_execution_is_gone_with_its_request(count: int) -> None:
    """Nothing of a request is left for the garbage collector: not its context, and not what was looked up for it."""

    async def run() -> ref[Context]:
        context = Context()

        async def items(info: Any) -> object:
            info.context.names = wanted(info)
            return [item(number) for number in range(count)]

        document = parse("{ ...F } fragment F on Query { items { ...G } } fragment G on Item { number }")
        result = execute(SCHEMA, document, {"items": items}, context, executor_class=Execution)
        found = await result if isawaitable(result) else result
        assert found.data is not None
        assert len(found.data["items"]) == count
        assert context.names == {"number"}
        return ref(context)

    assert asyncio.run(run())() is None


@pytest.mark.parametrize("document", [DOCUMENT, PAGE], ids=["resolved", "plain"])
def test_others_have_their_turn_while_a_long_list_is_told(document: DocumentNode) -> None:
    """A long list is told a few items at a time, and everybody else on the loop goes on in between."""

    async def turns() -> int:
        listing, taken = asyncio.create_task(answer([item(number) for number in range(ITEMS)], document)), 0
        while not listing.done():
            taken += 1
            await asyncio.sleep(0)
        return taken

    assert asyncio.run(turns()) >= ITEMS // AT_ONCE


@pytest.mark.parametrize("count", [0, 1, AT_ONCE, AT_ONCE + 1, ITEMS])
def test_a_list_is_told_whole_and_in_order(count: int) -> None:
    """However long a list is, the answer is what graphql-core makes of it otherwise."""
    result = asyncio.run(answer([item(number) for number in range(count)]))

    assert result.errors is None
    assert result.data == {"items": [item(number) for number in range(count)]}


def test_an_error_in_a_long_list_names_its_place() -> None:
    """An item that cannot be told is null, the others are there, and the error's path says which one it was."""
    bad = 3 * AT_ONCE + 1
    result = asyncio.run(answer([item("none" if number == bad else number) for number in range(ITEMS)]))

    assert result.data is not None
    assert [number for number, each in enumerate(result.data["items"]) if each is None] == [bad]
    assert [error.path for error in result.errors or []] == [["items", bad, "number"]]
