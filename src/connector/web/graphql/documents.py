"""GraphQL documents: judged once, and kept.

Validating one of the standard queries costs twenty times what running it costs, so a document is kept once it was found
good, for callers with a good credential (docs/decisions/0039-strangers-documents.md). The documents that standard
clients send are known to everybody, from the first request on.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from graphql import DocumentNode, GraphQLSchema

from connector.domain.refusals.requests import DocumentTooComplex
from connector.web.graphql.cost import Costs
from connector.web.graphql.glance import Asked, glance, tokens
from connector.web.graphql.judge import Judge, Judged
from connector.web.graphql.lane import Lane, Payer
from connector.web.graphql.shape import Shape
from connector.web.graphql.shelf import Shelf
from connector.web.graphql.sizes import DocumentLimits
from connector.web.graphql.text import Text, lift

KEPT_OCTETS = 16 * 1024 * 1024

# Clients set out the standing documents in their own ways: many of these are recognized without taking them apart,
# whoever sends them, if they have no more characters than the second.
SPELLINGS, SHORT = 256, 1000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be run, its cost, its shape, and the string literals that were lifted out of its text."""

    document: DocumentNode
    costs: Costs
    shape: Shape | None
    lifted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Custody:
    """The common parts of the documents of all schemas of a process: where they are kept, and where they are judged."""

    shelf: Shelf = field(default_factory=lambda: Shelf(KEPT_OCTETS))
    lane: Lane = field(default_factory=Lane)


class Documents:
    """The documents of one schema; the ``standing`` ones are ours, known at once, and never forgotten."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        *,
        introspection: bool,
        custody: Custody | None = None,
        standing: Iterable[str] = (),
    ) -> None:
        self.schema = schema
        self._limits = limits
        self._judge = Judge(schema, limits, introspection=introspection)
        self._custody = custody or Custody()
        self._normal_of_short = lru_cache(SPELLINGS)(self._normal)
        self._judging: dict[str, asyncio.Future[Judged]] = {}
        self._standing: dict[str, Judged] = {}
        for sent in standing:
            self._set_up(lift(sent))

    def known(self, text: Text) -> Prepared | None:
        """The document of this text if nothing has to be judged for it, whoever sends it."""
        kept = self._find(text.key)
        if kept is not None:
            return _prepared(kept, text.lifted)
        # A literal may stand where no string belongs: then the text is kept with its literals in place.
        kept = self._find(text.plain()) if text.lifted else None
        return None if kept is None else _prepared(kept, {})

    async def judge(self, text: Text, payer: Payer) -> Prepared:
        """The document of a text that is not known; it is kept if a caller with a good credential pays.

        Raises:
            DocumentInvalid, DocumentTooComplex: it cannot be read, does not fit the schema, or is too large.
            Overloaded: too many wait to be judged.
        """
        if payer.principal is None:
            judged = await self._custody.lane.run(payer, lambda: self._judge.judge(text))
        elif text.lifted:
            judged = await self._judged(text, payer)  # an error may quote a literal, and is not for others
        else:
            judging = self._judging.get(text.key)
            if judging is None:
                judging = self._judging[text.key] = asyncio.ensure_future(self._judged(text, payer))
                judging.add_done_callback(lambda _: self._judging.pop(text.key))
            judged = await asyncio.shield(judging)  # others may wait for it
        return _prepared(judged, judged.lifted)

    def glance(self, text: Text, operation_name: str | None) -> Asked:
        """The request of an unknown text, at a glance.

        Raises:
            DocumentInvalid, DocumentTooComplex: it can be seen already that it does not fit.
        """
        return glance(tokens(text.key, self._limits), operation_name, self.schema, self._limits)

    async def _judged(self, text: Text, payer: Payer) -> Judged:
        judged = await self._custody.lane.run(payer, lambda: self._judge.judge(text))
        self._custody.shelf.keep(id(self), judged)
        return judged

    def _set_up(self, text: Text) -> None:
        """Take in a standing document: known as it is spelled, and by its tokens, however it is set out."""
        with suppress(DocumentTooComplex):  # by stricter settings than the default
            judged = self._judge.judge(text, is_ours=True)
            self._standing[judged.key] = self._standing[self._normal(judged.key)] = judged

    def _find(self, key: str) -> Judged | None:
        found = self._standing.get(key) or self._custody.shelf.find(id(self), key)
        if found is None and self._standing:
            with suppress(DocumentTooComplex):
                found = self._standing.get((self._normal_of_short if len(key) <= SHORT else self._normal)(key))
        return found

    def _normal(self, key: str) -> str:
        return " ".join(tokens(key, self._limits))


def _prepared(judged: Judged, lifted: Mapping[str, str]) -> Prepared:
    return Prepared(judged.document, judged.costs, judged.shape, lifted)
