"""What is wrong with a document or its variables, in words that repeat no value of the caller.

graphql-core puts values into its messages: up to a whole CSR or token, which then stands in answers, in the logs of
proxies and in bug reports. Here a message ends where its value begins. It keeps the names of variables, arguments,
fields and types, and the place.
"""

import re

from graphql import GraphQLError

LONGEST_NAME = 40
"""Longer names are left out: none of the schema's is, and a token in the place of a name is."""

LONGEST = 500
"""Characters of a message, without the place."""

_NAME = rf"[_A-Za-z][_0-9A-Za-z]{{0,{LONGEST_NAME - 1}}}"

# The end of a syntax error, which is its token. A short name is repeated: it says what is wrong.
_TOKEN = re.compile(rf"\b(Name '{_NAME}'(?=\.\Z)|(?:Name|Int|Float|String|BlockString|Comment)(?= ')).*", re.DOTALL)
_NUMBER = ", did you mean "
# An unknown field of an input object is any text of the caller. It is repeated if it could be a name.
_UNKNOWN = re.compile(rf"(unknown field)( '{_NAME}'(?=, found: |\. Did you mean))?.*", re.DOTALL)
_NOT_OF_ENUM = re.compile(r"\bValue '.*", re.DOTALL)
# From here to the end, since a value could imitate whatever follows it.
_VALUE = re.compile(r"(?: value: |[,;]? found: |\.? Found: ).*", re.DOTALL)
_LONG = re.compile(rf"[_0-9A-Za-z]{{{LONGEST_NAME + 1},}}")


def explain(error: GraphQLError) -> str:
    """What is wrong, and where: no value of the caller, and no suggestion of names that exist."""
    inner = error.original_error
    if error.message.startswith("Syntax Error: "):
        message = _without_token(error.message)
    elif isinstance(inner, GraphQLError) and error.message.endswith(inner.message):
        # A variable: which one and where in it, from the schema's own names; then what is wrong there.
        message = error.message.removesuffix(inner.message) + _without_value(inner.message)
    else:
        message = _without_value(error.message)
    place = f" (line {error.locations[0].line}, column {error.locations[0].column})" if error.locations else ""
    return f"{_LONG.sub('…', message)[:LONGEST]}{place}"


def _without_token(message: str) -> str:
    return _TOKEN.sub(r"\1", message).split(_NUMBER, 1)[0].removesuffix(".") + "."


def _without_value(message: str) -> str:
    message = _UNKNOWN.sub(lambda found: found[1] + (found[2] or ""), message)
    message = _NOT_OF_ENUM.sub("The value is none of its enum", message)
    message = _VALUE.sub(lambda found: " value" if found[0].startswith(" value") else "", message)
    return message.split(" Did you mean", 1)[0].removesuffix(".") + "."
