"""The rules of a service as an application publishes it: which fields it has, and what may be in each.

A rule takes a field's path and its value, and returns the value to keep, or raises InvalidData with the path. Unknown
fields are dropped, as the original does.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import JSON

MAX_NAME = 256
MAX_TEXT = 2000
MAX_SECRET = 16 * 1024
MAX_URL = 2000
MOST_ENTRIES = 100
NESTED = 64
"""How deep the JSON of a service may be: specifications nest deeper than requests."""

Rule = Callable[[str, JSON], JSON]

# RFC 9110 5.6.2: the name of a header is a token.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
# RFC 3986 2: printable ASCII without quotes, angle brackets and backslash.
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_DOTS = frozenset({".", ".."})


def read_service(sent: JSON) -> Mapping[str, JSON]:
    """The fields of a service that are kept.

    Raises:
        InvalidData: a field breaks a rule; the message names it.
    """
    if not isinstance(sent, dict):
        raise InvalidData("Invalid data service: it is no JSON object. Send one with provider, name and description.")
    service: Mapping[str, JSON] = _SERVICE("", sent)
    return service


@dataclass(frozen=True, slots=True)
class _Record:
    """An object with these fields, of which some are required. A field that is null is not given."""

    fields: Mapping[str, Rule]
    required: frozenset[str] = frozenset()

    def __call__(self, path: str, value: JSON) -> dict[str, JSON]:
        if not isinstance(value, dict):
            raise _refused(path, "use an object")
        kept = {}
        for name, rule in self.fields.items():
            inner, place = value.get(name), f"{path}.{name}" if path else name
            if inner is None:
                if name in self.required:
                    raise _refused(place, "it is required")
                continue
            kept[name] = rule(place, inner)
        return kept


@dataclass(frozen=True, slots=True)
class _OneOf:
    """An object with at most one of these fields."""

    record: _Record

    def __call__(self, path: str, value: JSON) -> dict[str, JSON]:
        kept = self.record(path, value)
        if len(kept) > 1:
            raise _refused(path, f"use one of {', '.join(self.record.fields)}")
        return kept


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of at most that number of characters; with ``full`` it may not be empty."""

    most: int
    full: bool = False
    is_line: bool = False

    def __call__(self, path: str, value: JSON) -> str:
        if not isinstance(value, str):
            raise _refused(path, "use a text")
        if self.full and not value.strip():
            raise _refused(path, "it is required, and must not be empty")
        if len(value) > self.most:
            raise _refused(path, f"use at most {self.most} characters")
        if not all(each.isprintable() or (not self.is_line and each in "\n\r\t") for each in value):
            raise _refused(path, "use text without control characters")
        return value


@dataclass(frozen=True, slots=True)
class _Table:
    """An object whose names follow one rule and whose values another."""

    name: Rule
    value: Rule

    def __call__(self, path: str, value: JSON) -> dict[str, JSON]:
        if not isinstance(value, dict):
            raise _refused(path, "use an object")
        if len(value) > MOST_ENTRIES:
            raise _refused(path, f"use at most {MOST_ENTRIES} names")
        return {str(self.name(path, name)): self.value(path, inner) for name, inner in value.items()}


@dataclass(frozen=True, slots=True)
class _List:
    """An array whose elements follow a rule."""

    element: Rule

    def __call__(self, path: str, value: JSON) -> list[JSON]:
        if not isinstance(value, list):
            raise _refused(path, "use an array")
        if len(value) > MOST_ENTRIES:
            raise _refused(path, f"use at most {MOST_ENTRIES} elements")
        return [self.element(path, each) for each in value]


def _url(path: str, value: JSON) -> str:
    """An absolute URL. Dot segments are refused: a gateway that joins paths would leave the API by them."""
    if not isinstance(value, str) or len(value) > MAX_URL or not _is_absolute(value):
        raise _refused(path, f"use an absolute http or https URL of at most {MAX_URL} characters")
    if _DOTS.intersection(re.split(r"[/\\]", unquote(urlsplit(value).path))):
        raise _refused(path, "use a URL without the path segments . and ..")
    return value


def _is_absolute(text: str) -> bool:
    if not _URL.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is none
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _header_name(path: str, value: JSON) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise _refused(path, "use names of HTTP headers")
    return value


def _anything(path: str, value: JSON) -> JSON:
    """Any JSON without NUL, which no PostgreSQL text holds."""
    if any("\0" in text for text in _texts(value)):
        raise _refused(path, "use text without NUL characters")
    return value


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)


def _refused(path: str, rule: str) -> InvalidData:
    # The path is made of names of ours alone: nothing that was sent is repeated.
    return InvalidData(f"Invalid data {path}: {rule}. Correct it, and send the service again.")


_name = _Text(MAX_NAME, full=True, is_line=True)
_line = _Text(MAX_TEXT, is_line=True)
_full = _Text(MAX_TEXT, full=True)
_text = _Text(MAX_TEXT)
_secret = _Text(MAX_SECRET, full=True)
_values = _List(_line)

_PARAMETERS = _Record(
    {"headers": _Table(_header_name, _values), "queryParameters": _Table(_Text(MAX_NAME, is_line=True), _values)}
)
_CSRF = _Record({"tokenEndpointURL": _url}, frozenset({"tokenEndpointURL"}))
_OAUTH = _Record(
    {"url": _url, "clientId": _secret, "clientSecret": _secret, "requestParameters": _PARAMETERS, "csrfInfo": _CSRF},
    frozenset({"url", "clientId", "clientSecret"}),
)
_BASIC = _Record({"username": _secret, "password": _secret, "csrfInfo": _CSRF}, frozenset({"username", "password"}))
_CERTIFICATE = _Record(
    {"commonName": _full, "certificate": _Text(MAX_SECRET), "csrfInfo": _CSRF}, frozenset({"commonName"})
)
_API = _Record(
    {
        "targetUrl": _url,
        "credentials": _OneOf(_Record({"oauth": _OAUTH, "basic": _BASIC, "certificateGen": _CERTIFICATE})),
        "spec": _anything,
        "specificationUrl": _url,
        "apiType": _Text(MAX_NAME, is_line=True),
        "requestParameters": _PARAMETERS,
        "specificationCredentials": _OneOf(_Record({"oauth": _OAUTH, "basic": _BASIC})),
        "specificationRequestParameters": _PARAMETERS,
        **_PARAMETERS.fields,
    },
    frozenset({"targetUrl"}),
)
_DOCUMENTATION = _Record(
    {
        "displayName": _name,
        "description": _full,
        "type": _Text(MAX_NAME, full=True, is_line=True),
        "tags": _List(_Text(MAX_NAME, is_line=True)),
        "docs": _List(_Record({"title": _text, "type": _line, "source": _anything})),
    },
    frozenset({"displayName", "description", "type"}),
)
_SERVICE = _Record(
    {
        "provider": _name,
        "name": _name,
        "description": _full,
        "shortDescription": _text,
        "identifier": _Text(MAX_NAME, is_line=True),
        "labels": _Table(_Text(MAX_NAME, full=True, is_line=True), _line),
        "api": _API,
        "events": _Record({"spec": _anything}, frozenset({"spec"})),
        "documentation": _DOCUMENTATION,
    },
    frozenset({"provider", "name", "description"}),
)
