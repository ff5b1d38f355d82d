"""What was changed, from what to what, as the audit says it."""

import json
import re
from collections.abc import Iterator, Mapping

from connector.domain.directory import Entity
from connector.domain.strict_json import JSON

MOST_OF_A_VALUE = 200
MOST_OF_ALL = 2000

_FIELDS = {
    "name": "name",
    "description": "description",
    "providerName": "provider_name",
    "integrationSystemID": "integration_system_id",
    "eventing runtime": "eventing_runtime_id",
}
# RFC 3986 3.2.1: a URL may hold a user's name and password, which the audit never does. Up to the last @ of the
# authority: who writes one into a password does not always escape it.
_USER_INFO = re.compile(r'//[^/\s"]*@')


def of_value(name: str, before: JSON, after: JSON) -> str:
    """How a value was set, changed or removed; None stands for none. A long one is cut."""
    if before is None:
        return f"{name}: {_text(after)}"
    if after is None:
        return f"{name}: {_text(before)}, removed"
    return f"{name}: from {_text(before)} to {_text(after)}"


def of_entity(before: Entity, after: Entity) -> str:
    """What was changed of an entity, after the name that it has now."""
    told = "; ".join(_parts(before, after))
    return _cut(f"{after.name}: {told}" if told else after.name, MOST_OF_ALL)


def _parts(before: Entity, after: Entity) -> Iterator[str]:
    for name, field in _FIELDS.items():
        was, now = getattr(before, field), getattr(after, field)
        if was != now:
            yield of_value(name, was, now)
    yield from _differences("", before.details, after.details)
    yield from _differences("label ", before.labels, after.labels)


def _differences(word: str, before: Mapping[str, JSON], after: Mapping[str, JSON]) -> Iterator[str]:
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield of_value(f"{word}{key}", before.get(key), after.get(key))


def _text(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if not text.isprintable():  # what a terminal or the direction of writing would act upon
        text = json.dumps(value)
    return _cut(_USER_INFO.sub("//…@", text), MOST_OF_A_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
