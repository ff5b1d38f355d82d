"""What the web counts of its requests, by the door through which they come."""

from collections.abc import Awaitable
from itertools import product
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.domain.pairing import CONNECTOR_PATH, DIRECTOR_PATH, DISCOVERY_PATH, METADATA_PATH
from connector.system.meters import Family, Kind, meters
from connector.web.callers import set_circumstances
from connector.web.problems import PROBLEMS

OTHER, INTERNAL = "other", "internal"
# By the beginning of the path: first come, first served.
_DOORS = (
    (CONNECTOR_PATH, "connector"),
    (DIRECTOR_PATH, "director"),
    ("/verdict/", "verdict"),
    ("/ocsp", "ocsp"),
    ("/console", "console"),
    ("/hydrators/", "resolver"),
    ("/v1/", "legacy"),
    ("/oauth2/", "oauth"),
    (METADATA_PATH, "oauth"),
    (DISCOVERY_PATH, "oauth"),
    ("/healthz", "health"),
    ("/readyz", "health"),
    ("/metrics", "health"),
)
_NAMES = (*dict.fromkeys(name for _, name in _DOORS), "pki", OTHER)
_STATUSES = ("2xx", "3xx", "4xx", "5xx")
_SIGNED_OBJECTS = (".crl", ".crt", ".pem")

REQUESTS = Family(
    "connector_requests",
    Kind.COUNTER,
    "Requests that were answered, by door and by the first digit of the status.",
    ("door", "status"),
    tuple(product(_NAMES, _STATUSES)),
)

SECONDS = Family(
    "connector_request_seconds",
    Kind.HISTOGRAM,
    "Seconds from a request's head to the beginning of its answer, by door.",
    ("door",),
    tuple((name,) for name in _NAMES),
)

REFUSALS = Family(
    "connector_refusals",
    Kind.COUNTER,
    "Requests, and fields of GraphQL requests, that were refused, by the code of docs/errors.md.",
    ("code",),
    tuple((code,) for code in sorted({*(kind.code for kind in PROBLEMS), INTERNAL})),
)

FAMILIES = (REQUESTS, SECONDS, REFUSALS)


def door(path: str) -> str:
    """The door of a path."""
    for beginning, name in _DOORS:
        if path.startswith(beginning):
            return name
    return "pki" if path.endswith(_SIGNED_OBJECTS) else OTHER


def observed(app: ASGIApp) -> ASGIApp:
    """The application, whose requests are counted, each with its circumstances: in one layer, since every request goes
    through it.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        set_circumstances(scope)
        name, since = door(scope["path"]), perf_counter()

        def send_counted(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                counted = meters()
                counted.observe(SECONDS, (name,), perf_counter() - since)
                counted.add(REQUESTS, (name, f"{message['status'] // 100}xx"))
            return send(message)

        await app(scope, receive, send_counted)

    return wrapped
