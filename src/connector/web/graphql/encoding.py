"""Answers as JSON, encoded piece by piece while they are made, and within a limit.

As objects an answer takes six times the memory of its text, and to encode a long one in one go keeps everybody waiting.
So the items of a long list become text as soon as they are there.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.domain.refusals.requests import AnswerTooLarge
from connector.web.answers import json_octets
from connector.web.pieces import PIECE
from connector.web.requests import SMALL, Budget


@dataclass(slots=True)
class EncodedList:
    """A list of which the items are encoded already."""

    pieces: deque[bytes] = field(default_factory=deque)
    octets: int = 0


class AnswerMemory:
    """The memory of one answer's text: limited, and beyond a small part out of a common budget."""

    def __init__(self, limit: int, budget: Budget) -> None:
        self._limit = limit
        self._budget = budget
        self._octets = 0
        self._taken = 0

    def grow(self, octets: int) -> None:
        """Count octets that were added; fewer than none were encoded once more, as part of another list.

        Raises:
            AnswerTooLarge: there are more than the limit.
            Overloaded: there are more than all answers together may take.
        """
        self._octets += octets
        if self._octets > self._limit:
            raise AnswerTooLarge(
                f"The answer is longer than {self._limit} octets (graphql.answer). Ask for less at once: lower the "
                "argument first, or select fewer fields."
            )
        wanted = max(self._octets - SMALL, 0)
        if wanted > self._taken:
            self._budget.take(wanted - self._taken)
            self._taken = wanted

    def shrink(self, octets: int) -> None:
        """Give back what the peer has taken."""
        self._octets -= octets
        wanted = max(self._octets - SMALL, 0)
        if wanted < self._taken:
            self._budget.give_back(self._taken - wanted)
            self._taken = wanted

    def free(self) -> None:
        """Give everything back."""
        self._budget.give_back(self._taken)
        self._octets = self._taken = 0


class Encoding:
    """One answer while it is made."""

    def __init__(self, memory: AnswerMemory) -> None:
        self.memory = memory

    def add(self, encoded: EncodedList, items: Sequence[Any]) -> None:
        """Encode some more items of a list.

        Raises:
            AnswerTooLarge, Overloaded: see :class:`AnswerMemory`.
        """
        try:
            piece = json_octets(items)
        except TypeError:  # an item holds a list that is encoded already
            piece = b"".join(self._pieces(items))
        # Without its brackets; from the second on a comma stands in for the first.
        piece = b"," + piece[1:-1] if encoded.pieces else piece[1:-1]
        self.memory.grow(len(piece))
        encoded.pieces.append(piece)
        encoded.octets += len(piece)

    def whole(self, content: Mapping[str, Any]) -> deque[bytes]:
        """The whole answer, in pieces to be sent one after another.

        Raises:
            AnswerTooLarge, Overloaded: see :class:`AnswerMemory`.
        """
        try:
            pieces = deque([json_octets(content)])
        except TypeError:
            pieces = deque(_gathered(self._pieces(content)))
        self.memory.grow(sum(map(len, pieces)))
        return pieces

    def _pieces(self, value: Any) -> Iterator[bytes]:
        """The value's text. Lists that are encoded are used up, so that no text is there twice."""
        if isinstance(value, EncodedList):
            self.memory.shrink(value.octets)
            yield b"["
            while value.pieces:
                yield value.pieces.popleft()
            yield b"]"
        elif isinstance(value, dict) and value:
            mark = b"{"
            for name, inner in value.items():
                yield mark + json_octets(name) + b":"
                yield from self._pieces(inner)
                mark = b","
            yield b"}"
        elif isinstance(value, list) and value:
            mark = b"["
            for inner in value:
                yield mark
                yield from self._pieces(inner)
                mark = b","
            yield b"]"
        else:
            yield json_octets(value)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same octets in pieces that are worth a call each."""
    held, octets = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        octets += len(piece)
        if octets >= PIECE:
            yield b"".join(held)
            held, octets = [], 0
    yield b"".join(held)
