"""The text of a GraphQL document, with its string literals lifted out into variables.

Standard clients write ids, names and the CSR into the query text, which would make every text new
(docs/decisions/0006).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from connector.domain.refusals.requests import DocumentInvalid

LIFTED = "__lifted"
MOST = 50  # of one document; each becomes a variable

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
class Text:
    """A document as it was sent, and the same with its literals as variables: ``key``, and ``lifted``, their values.

    Neither ``key`` nor :meth:`plain` has empty argument lists: Go clients send `configuration()`, which graphql-core
    refuses (docs/wire-contract.md, "Requests").
    """

    sent: str
    key: str
    lifted: Mapping[str, str]

    def plain(self) -> str:
        """The text with its literals in place."""
        return _SCAN.sub(_without_empty_arguments, self.sent) if self.lifted else self.key


def lift(sent: str) -> Text:
    """The text of a document, in time linear in its length.

    Raises:
        DocumentInvalid: it names a variable as we do.
    """
    if LIFTED in sent:
        raise DocumentInvalid(f"Names that begin with {LIFTED} are reserved. Choose another name.")
    lifted: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        literal = match.group()
        if match.lastgroup == "string" and not _OTHER_ESCAPE.search(literal):
            name = f"{LIFTED}{len(lifted)}"
            lifted[name] = _LITERAL.decode(literal)
            return f"${name}"
        return _without_empty_arguments(match)

    key = _SCAN.sub(replace, sent)
    if len(lifted) > MOST:
        return Text(sent, _SCAN.sub(_without_empty_arguments, sent), {})
    return Text(sent, key, lifted)


def _without_empty_arguments(match: re.Match[str]) -> str:
    return "" if match.lastgroup == "empty" else match.group()
