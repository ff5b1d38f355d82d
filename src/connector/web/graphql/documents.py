"""GraphQL documents: read once, limited, validated once, and kept.

Validating one of the standard queries costs twenty times what running it costs, so a document is kept once it was found
good. Standard clients write the CSR into the query text, which would make every text new: long string literals are
lifted out into variables before the store is asked (docs/decisions/0006-documents-are-kept.md).
"""

import json
import re
from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLID,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    GraphQLSyntaxError,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    TypeNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    specified_rules,
    validate,
    visit,
)

from connector.domain.refusals.requests import DocumentInvalid, DocumentTooComplex
from connector.web.graphql.faults import explain

KEPT_DOCUMENTS = 256
KEPT_CHARACTERS = 8192
LONG_DOCUMENT = 1000  # characters; one with as many tokens as are allowed takes ten milliseconds
LIFTED = "__lifted"
LONG = 64
MAX_ERRORS = 5

# One pass over the text: block strings, strings and comments are stepped over whole, so that what is found outside
# them is really outside. Possessive quantifiers, and alternatives that swallow what was never closed (the parser will
# refuse it), keep the pass linear: no octet is looked at from two starts.
_SCAN = re.compile(
    r'"""(?:\\"""|[^"]|"(?!""))*+(?:"""|\Z)'
    r'|(?P<string>"[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+")'
    r'|"[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+'
    r"|\#[^\r\n]*+"
    r"|(?P<empty>\([\s,\ufeff]*+\))"
)
_OTHER_ESCAPE = re.compile(r'\\[^"\\/bfnrt]')
# GraphQL's simple escapes are JSON's, and a tab may stand as it is; literals with others are not lifted.
_LITERAL = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How large a document may be; each is a count, characters those after lifting."""

    characters: int = 65536
    tokens: int = 2000
    depth: int = 15
    fields: int = 250
    aliases: int = 30
    root_fields: int = 10
    fragments: int = 20
    operations: int = 10


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be run, and the string literals that were lifted out of this text of it."""

    document: DocumentNode
    lifted: Mapping[str, str]


class Documents:
    """The documents of one schema."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._rules = [*specified_rules, *([] if introspection else [NoSchemaIntrospectionCustomRule])]
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()

    async def prepare(self, text: str) -> Prepared:
        """The document of this text. A long one that is new is judged in a thread, so that nobody else waits.

        Raises:
            DocumentInvalid, DocumentTooComplex: it cannot be read, does not fit the schema, or is too large.
        """
        key, lifted = _lift(text)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return Prepared(kept, lifted)
        if len(key) < LONG_DOCUMENT:
            key, prepared = self._judged(text, key, lifted)
        else:
            key, prepared = await to_thread(self._judged, text, key, lifted)
        if len(key) <= KEPT_CHARACTERS:
            self._kept[key] = prepared.document
            if len(self._kept) > KEPT_DOCUMENTS:
                self._kept.popitem(last=False)
        return prepared

    def _judged(self, text: str, key: str, lifted: Mapping[str, str]) -> tuple[str, Prepared]:
        """The document, found good, and the text under which it is kept."""
        document = self._declared(key, lifted) if lifted else None
        if document is None:
            # A long literal where no string belongs: the text as it was sent, to be judged as it is.
            key, lifted = _SCAN.sub(_without_empty_arguments, text), {}
            document = self._parsed(key)
        measure(document, self._limits)
        errors = validate(self._schema, document, self._rules, max_errors=MAX_ERRORS)
        if errors:
            raise DocumentInvalid(explain(errors[0]))
        return key, Prepared(document, lifted)

    def _parsed(self, text: str) -> DocumentNode:
        if len(text) > self._limits.characters:
            raise DocumentTooComplex
        try:
            return parse(text, max_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            if error.message.endswith("Parsing aborted."):  # too many tokens, or nested too deeply
                raise DocumentTooComplex from error
            raise DocumentInvalid(explain(error)) from error

    def _declared(self, key: str, lifted: Mapping[str, str]) -> DocumentNode | None:
        """The document with its lifted variables declared; None where that is not possible."""
        try:
            document = self._parsed(key)
        except DocumentInvalid:
            return None
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        if len(operations) != 1:
            return None
        finder = _LiftedTypes(TypeInfo(self._schema))
        visit(document, TypeInfoVisitor(finder.type_info, finder))
        if finder.types.keys() != lifted.keys():
            return None
        (operation,) = operations
        declarations = (_declaration(name, type_node) for name, type_node in finder.types.items())
        declared = replace(operation, variable_definitions=(*(operation.variable_definitions or ()), *declarations))
        definitions = (declared if node is operation else node for node in document.definitions)
        return replace(document, definitions=tuple(definitions))


def measure(document: DocumentNode, limits: DocumentLimits) -> None:
    """Hold the document, its fragments spread out, to the limits.

    Raises:
        DocumentTooComplex, DocumentInvalid: it breaks one; or its fragments go in a circle.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(fragments) > limits.fragments or len(operations) > limits.operations:
        raise DocumentTooComplex(
            f"The GraphQL document is too complex. Send at most {limits.operations} operations and "
            f"{limits.fragments} fragments."
        )
    gauge = _Gauge(fragments)
    for operation in operations:
        size = gauge.size(operation.selection_set)
        is_query = operation.operation is OperationType.QUERY
        if (
            size.root_fields > (limits.root_fields if is_query else 1)
            or size.depth > limits.depth
            or size.fields > limits.fields
            or size.aliases > limits.aliases
        ):
            raise DocumentTooComplex(
                f"The GraphQL document is too complex. Keep to depth {limits.depth}, {limits.fields} fields, "
                f"{limits.aliases} aliases, {limits.root_fields} root fields of a query, one of a mutation."
            )


@dataclass(frozen=True, slots=True)
class _Size:
    root_fields: int = 0
    depth: int = 0
    fields: int = 0
    aliases: int = 0


class _Gauge:
    """Sizes of selection sets, each fragment measured once, however often it is spread."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._sizes: dict[str, _Size] = {}
        self._open: set[str] = set()

    def size(self, selections: SelectionSetNode | None) -> _Size:
        root_fields = depth = fields = aliases = 0
        for node in selections.selections if selections is not None else ():
            if isinstance(node, FieldNode):
                inner = self.size(node.selection_set)
                # __typename costs nothing to answer, and clients add it wherever they can.
                counts = int(node.name.value != "__typename")
                inner = _Size(counts, inner.depth + 1, inner.fields + 1, inner.aliases + (node.alias is not None))
            elif isinstance(node, FragmentSpreadNode):
                inner = self._spread(node.name.value)
            else:
                inner = self.size(getattr(node, "selection_set", None))
                inner = replace(inner, depth=inner.depth + 1, fields=inner.fields + 1)
            root_fields += inner.root_fields
            depth = max(depth, inner.depth)
            fields += inner.fields
            aliases += inner.aliases
        return _Size(root_fields, depth, fields, aliases)

    def _spread(self, name: str) -> _Size:
        known = self._sizes.get(name)
        if known is not None:
            return known
        fragment = self._fragments.get(name)
        if fragment is None:
            return _Size()  # validation names the unknown fragment
        if name in self._open:
            raise DocumentInvalid("A fragment of the GraphQL document spreads itself.")
        self._open.add(name)
        self._sizes[name] = self.size(fragment.selection_set)
        self._open.discard(name)
        return self._sizes[name]


class _LiftedTypes(Visitor):
    """Finds, for each lifted variable, the type of the place where its literal stood, if that takes any string."""

    def __init__(self, type_info: TypeInfo) -> None:
        super().__init__()
        self.type_info = type_info
        self.types: dict[str, TypeNode] = {}

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        place = self.type_info.get_input_type()
        if not node.name.value.startswith(LIFTED) or get_named_type(place) not in (GraphQLString, GraphQLID):
            return
        required = isinstance(place, GraphQLNonNull)
        inner = place.of_type if isinstance(place, GraphQLNonNull) else place
        if inner not in (GraphQLString, GraphQLID):
            return  # a list
        named = NamedTypeNode(name=NameNode(value=inner.name))
        self.types[node.name.value] = NonNullTypeNode(type=named) if required else named


def _declaration(name: str, type_node: TypeNode) -> VariableDefinitionNode:
    return VariableDefinitionNode(variable=VariableNode(name=NameNode(value=name)), type=type_node)


def _lift(text: str) -> tuple[str, Mapping[str, str]]:
    """The text without empty argument lists and with long string literals as variables, and their values.

    Go clients send `configuration()`, which graphql-core refuses (wire contract a.2).
    """
    if LIFTED in text:
        raise DocumentInvalid(f"Names that begin with {LIFTED} are reserved. Choose another name.")
    lifted: dict[str, str] = {}

    def lift(match: re.Match[str]) -> str:
        literal = match.group()
        if match.lastgroup == "string" and len(literal) >= LONG and not _OTHER_ESCAPE.search(literal):
            name = f"{LIFTED}{len(lifted)}"
            lifted[name] = _LITERAL.decode(literal)
            return f"${name}"
        return _without_empty_arguments(match)

    return _SCAN.sub(lift, text), lifted


def _without_empty_arguments(match: re.Match[str]) -> str:
    return "" if match.lastgroup == "empty" else match.group()
