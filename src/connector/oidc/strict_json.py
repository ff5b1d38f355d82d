"""JSON objects from strangers: each name once, and no number that JSON does not know."""

import json
from typing import Any, NoReturn


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object (RFC 8259) that the octets hold, or None where they hold none.

    Nothing is raised: an error of the parser would carry the whole text with it.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# RFC 7515 4: of two members of one name, another reader may take the other.
def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")
