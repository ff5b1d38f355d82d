"""A glance at a document that nobody has judged: what it asks for at the root, by its lexical tokens alone.

It is what a caller without a good credential gets: linear, some microseconds for each token, and enough to give the
refusal the shape that it has for a document that is known. What is wrong further inside is not found.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from graphql import GraphQLSchema, OperationType

from connector.domain.refusals.requests import DocumentInvalid, DocumentTooComplex
from connector.web.graphql.faults import LONGEST_NAME
from connector.web.graphql.sizes import DocumentLimits

# GraphQL's tokens (October 2021, 2.1), after what is ignored. A number takes the letters that follow it, which the
# parser refuses; what is no token at all is one by itself, and the parser refuses that. The end matches too: otherwise
# what is ignored before it would be gone through from each of its characters.
_TOKEN = re.compile(
    r"(?:[\s,\ufeff]++|\#[^\r\n]*+)*+"
    r"([_A-Za-z][_0-9A-Za-z]*+|\.\.\.|[!$&():=@\[\]{|}]|-?[0-9][0-9A-Za-z_.+-]*+"
    r'|"""(?:\\"""|[^"]|"(?!""))*+"""|"[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+"|[^\s,\ufeff\#]|\Z)'
)
_NAME = re.compile(r"[_A-Za-z]")
_NAMELESS = re.compile(r"[^_A-Za-z0-9\"]{1,3}\Z|<EOF>\Z")
_OPENS = {"(", "[", "{"}
_CLOSES = {")": "(", "]": "[", "}": "{"}
_META = ("__schema", "__type")


@dataclass(frozen=True, slots=True)
class Root:
    """A field at the root of an operation, and the key of its answer."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The operation that a request asks for."""

    type: OperationType
    roots: Sequence[Root]


@dataclass(slots=True)
class _Definition:
    """An operation or a fragment: its root fields and the fragments that are spread among them."""

    kind: str
    name: str | None
    roots: list[Root] = field(default_factory=list)
    spreads: list[str] = field(default_factory=list)


def tokens(text: str, limits: DocumentLimits) -> Sequence[str]:
    """The lexical tokens of a document.

    Raises:
        DocumentTooComplex: it is too long, or there are too many.
    """
    if len(text) > limits.characters:
        raise DocumentTooComplex
    found = [match[1] for match in islice(_TOKEN.finditer(text), limits.tokens + 1) if match[1]]
    if len(found) > limits.tokens:
        raise DocumentTooComplex
    return found


def glance(found: Sequence[str], operation_name: str | None, schema: GraphQLSchema, limits: DocumentLimits) -> Asked:
    """The root fields of the operation of this name, or of the only one.

    Raises:
        DocumentInvalid, DocumentTooComplex: it can be seen already that the document does not fit.
    """
    definitions = list(_Glance(found, _partners(found, limits)).definitions())
    operations = [each for each in definitions if each.kind != "fragment"]
    fragments = {each.name: each for each in definitions if each.kind == "fragment"}
    if len(operations) > limits.operations or len(fragments) > limits.fragments:
        raise DocumentTooComplex
    meant = [each for each in operations if operation_name in {None, each.name}]
    if len(meant) != 1:
        raise DocumentInvalid("Name one operation of the GraphQL document in operationName.")
    (operation,) = meant
    kind = OperationType(operation.kind)
    roots = list(_spread(operation, fragments, set()))
    _check_roots(kind, roots, schema, limits)
    return Asked(kind, roots)


def _check_roots(kind: OperationType, roots: Sequence[Root], schema: GraphQLSchema, limits: DocumentLimits) -> None:
    if sum(root.name != "__typename" for root in roots) > (limits.root_fields if kind is OperationType.QUERY else 1):
        raise DocumentTooComplex
    root_type = schema.get_root_type(kind)
    if root_type is None or not roots:
        raise DocumentInvalid(f"The GraphQL document asks for no {kind.value} that is served here.")
    for root in roots:
        is_meta = root.name == "__typename" or (root.name in _META and kind is OperationType.QUERY)
        if root.name not in root_type.fields and not is_meta:
            raise DocumentInvalid(f"Cannot query field {_name(root.name)} on type '{root_type.name}'.")


def _spread(definition: _Definition, fragments: Mapping[str | None, _Definition], seen: set[str]) -> Iterator[Root]:
    """The root fields, those of fragments after the others; a fragment that was seen is not looked at again."""
    yield from definition.roots
    for name in definition.spreads:
        if name not in fragments:
            raise DocumentInvalid(f"Unknown fragment {_name(name)}.")
        if name not in seen:
            seen.add(name)
            yield from _spread(fragments[name], fragments, seen)


def _partners(found: Sequence[str], limits: DocumentLimits) -> Mapping[int, int]:
    """Where each bracket that opens is closed."""
    partners: dict[int, int] = {}
    opened: list[int] = []
    for place, token in enumerate(found):
        if token in _OPENS:
            opened.append(place)
            if len(opened) > 2 * limits.depth + 100:
                raise DocumentTooComplex
        elif token in _CLOSES:
            if not opened or found[opened[-1]] != _CLOSES[token]:
                raise _unexpected(token)
            partners[opened.pop()] = place
    if opened:
        raise _unexpected("<EOF>")
    return partners


@dataclass(slots=True)
class _Glance:
    """Goes through the tokens once, from bracket to bracket."""

    found: Sequence[str]
    partners: Mapping[int, int]
    place: int = 0

    def definitions(self) -> Iterator[_Definition]:
        while self.place < len(self.found):
            kind, name = self.found[self.place], None
            if kind == "{":
                kind = "query"
            elif kind in {"query", "mutation", "subscription", "fragment"}:
                self.place += 1
                if self._is_name():
                    name = self.found[self.place]
                while self._token() != "{":
                    self._step()
            else:
                raise _unexpected(kind)
            definition = _Definition(kind, name)
            end = self.partners[self.place]
            self.place += 1
            self._selections(end, definition)
            self.place = end + 1
            yield definition

    def _selections(self, end: int, definition: _Definition) -> None:
        """What is selected up to this place. Inline fragments are gone into: what they hold is at the root too."""
        closing = {end}
        while self.place < end:
            if self.place in closing:
                self.place += 1
            elif self._token() == "...":
                self.place += 1
                if self._is_name() and self._token() != "on":
                    definition.spreads.append(self._token())
                    self.place += 1
                    self._rest(end)
                    continue
                while self._token() != "{":
                    self._step()
                closing.add(self.partners[self.place])
                self.place += 1
            elif self._is_name():
                definition.roots.append(self._field())
                self._rest(end)
                if self.place < end and self._token() == "{":
                    self._step()
            else:
                raise _unexpected(self._token())

    def _field(self) -> Root:
        key = name = self._token()
        self.place += 1
        if self._token() == ":":
            self.place += 1
            if not self._is_name():
                raise _unexpected(self._token())
            name = self._token()
            self.place += 1
        return Root(key, name)

    def _rest(self, end: int) -> None:
        """Go past arguments and directives."""
        while self.place < end and self._token() in {"(", "@"}:
            self.place += self._token() == "@"
            self._step()

    def _step(self) -> None:
        """Go past a token, and with a bracket past all that it holds."""
        self.place = self.partners.get(self.place, self.place) + 1

    def _token(self) -> str:
        if self.place >= len(self.found):
            raise _unexpected("<EOF>")
        return self.found[self.place]

    def _is_name(self) -> bool:
        return self.place < len(self.found) and _NAME.match(self.found[self.place]) is not None


def _unexpected(token: str) -> DocumentInvalid:
    return DocumentInvalid(f"Syntax Error: Unexpected {token if _NAMELESS.match(token) else _name(token)}.")


def _name(token: str) -> str:
    """A name as it may be repeated: a value may not be, and what is as long as a token of ours could be one."""
    return f"'{token}'" if _NAME.match(token) and len(token) <= LONGEST_NAME else "value"
