"""One request to the legacy REST API."""

from dataclasses import dataclass

from starlette.types import Receive, Scope

from connector.web.shares import Seat


@dataclass(frozen=True, slots=True)
class Call:
    """The request as it came in, and its place within the shares of its caller and its tenant."""

    scope: Scope
    receive: Receive
    seat: Seat
