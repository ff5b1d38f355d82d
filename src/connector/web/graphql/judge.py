"""Judging a document: parse, measure, validate. The cost is linear in the document.

graphql-core's rules are linear or work within a budget of their own, but for two things. The search for fields that
cannot be merged compares all fields of one response key with each other: it gets a budget that is linear in the number
of tokens. And names that are almost right are looked for in the whole schema: that is turned off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from select import select
from sys import getsizeof
from time import perf_counter
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
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
    OverlappingFieldsCanBeMergedRule,
    TypeInfo,
    TypeInfoVisitor,
    TypeNode,
    ValidationContext,
    ValidationRule,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.validation.validate import ValidationAbortedError

from connector.domain.refusals.requests import DocumentInvalid, DocumentTooComplex
from connector.web.graphql.cost import Costs
from connector.web.graphql.faults import explain
from connector.web.graphql.shape import Shape, is_constant
from connector.web.graphql.sizes import DocumentLimits, measure
from connector.web.graphql.text import LIFTED, Text
from connector.web.graphql.weights import Weights

COMPARISONS = 500
COMPARISONS_PER_TOKEN = 4
"""The budget of graphql-core's search for conflicts; to compare two fields costs it 2 to 5.

Real clients' documents repeat a key twice, in fragments of a union, and need less than one for each token.
"""

OCTETS_PER_DOCUMENT = 3072
OCTETS_PER_TOKEN = 512
"""What is kept of a token: its node, its place in the text, its share of the lists and of the shape; measured 320
to 490."""

SLICE_SECONDS = 0.001
PAUSE_SECONDS = 0.0001


@dataclass(frozen=True, slots=True)
class Judged:
    """A document that was found good, by its text; ``octets`` is the memory that it takes at most.

    ``shape`` is there where all requests with the document have one.
    """

    key: str
    document: DocumentNode
    costs: Costs
    lifted: Mapping[str, str]
    octets: int
    shape: Shape | None


class Judge:
    """Finds out whether documents fit one schema and the limits."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._weights = Weights(schema)
        rules = [_Merging if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
        self._rules: list[type[ASTValidationRule]] = [_Yielding, *rules]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)

    def judge(self, text: Text, *, is_ours: bool = False) -> Judged:
        """The document of this text. One that is ours was validated by a test, and only its size is measured.

        Raises:
            DocumentInvalid, DocumentTooComplex: it cannot be read, does not fit the schema, or is too large.
        """
        check = self._measure if is_ours else self._validate
        if text.lifted:
            try:
                declared = self._declared(text.key, text.lifted)
                check(declared)
                return self._judged(text.key, declared, text.lifted)
            except DocumentInvalid:
                # A literal where no string belongs, or something else: the text is judged as it was sent.
                pass
        plain = text.plain()
        document = self._parsed(plain)
        check(document)
        return self._judged(plain, document, {})

    def _measure(self, document: DocumentNode) -> None:
        measure(document, self._limits)

    def _validate(self, document: DocumentNode) -> None:
        self._measure(document)
        errors = validate(self._schema, document, self._rules, max_errors=1, hide_suggestions=True)
        if errors and isinstance(errors[0], ValidationAbortedError):
            raise DocumentTooComplex(
                "The GraphQL document is too complex: it asks for the same fields too often. Ask for each once."
            )
        if errors:
            raise DocumentInvalid(explain(errors[0]))

    def _judged(self, key: str, document: DocumentNode, lifted: Mapping[str, str]) -> Judged:
        # The text is kept as the key, as the parser's source, and in pieces as names and values.
        octets = OCTETS_PER_DOCUMENT + OCTETS_PER_TOKEN * document.token_count + 3 * getsizeof(key)
        shape = Shape(document.token_count) if is_constant(key) else None
        return Judged(key, document, Costs(document, self._schema, self._weights), lifted, octets, shape)

    def _parsed(self, text: str) -> DocumentNode:
        if len(text) > self._limits.characters:
            raise DocumentTooComplex
        try:
            return parse(text, max_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            if error.message.endswith("Parsing aborted."):  # too many tokens, or nested too deeply
                raise DocumentTooComplex from error
            raise DocumentInvalid(explain(error)) from error

    def _declared(self, key: str, lifted: Mapping[str, str]) -> DocumentNode:
        """The document with its lifted variables declared.

        Raises:
            DocumentInvalid: that is not possible.
        """
        document = self._parsed(key)
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        finder = _LiftedTypes(TypeInfo(self._schema))
        visit(document, TypeInfoVisitor(finder.type_info, finder))
        if len(operations) != 1 or finder.types.keys() != lifted.keys():
            raise DocumentInvalid
        (operation,) = operations
        declarations = (_declaration(name, type_node) for name, type_node in finder.types.items())
        declared = replace(operation, variable_definitions=(*(operation.variable_definitions or ()), *declarations))
        definitions = (declared if node is operation else node for node in document.definitions)
        found = replace(document, definitions=tuple(definitions))
        object.__setattr__(found, "token_count", document.token_count)  # it is no field, and so not copied
        return found


class _Merging(OverlappingFieldsCanBeMergedRule):
    """graphql-core's rule and its verdict, with a budget that is linear in the document."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = (
            COMPARISONS + COMPARISONS_PER_TOKEN * context.document.token_count
        )


class _Yielding(ValidationRule):
    """No rule: every millisecond it lets other threads have the interpreter.

    The event loop would otherwise wait five milliseconds for it each time it wakes (sys.setswitchinterval).
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._until = perf_counter() + SLICE_SECONDS

    def enter(self, *_: Any) -> None:
        if perf_counter() > self._until:
            select((), (), (), PAUSE_SECONDS)  # not time.sleep, which fails where the clock jumps (faketime)
            self._until = perf_counter() + SLICE_SECONDS


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
