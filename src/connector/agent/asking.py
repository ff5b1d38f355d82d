"""Asking the server: as whom, how often, and what its answers mean for the command."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from typing import TypeVar

import httpx2

from connector.agent.directory import Connection, Pair, read_passphrase
from connector.agent.outcomes import ServerRefused, ServerUntrusted, Unreachable, explained
from connector.agent.schedule import backoff
from connector.agent.terminal import Output
from connector.client import Client, Refused, Untrusted
from connector.client.errors import says_expired
from connector.client.trust import context

T = TypeVar("T")

EXPIRED = "certificate_expired"


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks again what may be asked again, for ``seconds`` at most; a final refusal is raised at once."""

    output: Output
    seconds: float = 0

    def persist(self, what: str, action: Callable[[], T]) -> T:
        """The action's result. It may be done several times, so it is the same request each time.

        Raises:
            ServerRefused, ServerUntrusted, Unreachable: it came to none.
        """
        deadline = time.monotonic() + self.seconds
        failures = 0
        while True:
            try:
                return once(action)
            except Unreachable as error:
                failures += 1
                left = deadline - time.monotonic()
                if left <= max(error.retry_after, 0):
                    raise
                # The last try is at the end of the time that was given, not before it.
                wait = min(max(backoff(failures, random=random()), error.retry_after), left)  # noqa: S311 - no secret
                self.output.warn(f"{what}: {error} Trying again in {wait:.1f} s.")
                time.sleep(wait)


def once(action: Callable[[], T]) -> T:
    """The action's result, its failures as those of a command.

    Raises:
        ServerRefused, ServerUntrusted, Unreachable: it came to none.
        FilesUnusable: key and certificate cannot be used.
    """
    try:
        with explained():
            return action()
    except Refused as refusal:
        if refusal.is_final:
            raise ServerRefused(refusal.code, str(refusal)) from refusal
        raise Unreachable(refusal.code, str(refusal), refusal.retry_after or 0) from refusal
    except Untrusted as error:
        raise ServerUntrusted("server_untrusted", str(error)) from error
    except httpx2.InvalidURL as error:
        raise ServerRefused("address_unusable", f"The server named an address that is no URL: {error}") from error
    except httpx2.HTTPError as error:
        if says_expired(error):
            raise ServerRefused(
                EXPIRED,
                "The certificate has expired. Run connector-agent renew, where the server grants a grace; else enroll "
                "again with a new pairing string.",
            ) from error
        raise Unreachable(
            "unreachable",
            f"{_host(error)} cannot be reached: {_reason(error)}. Check the network and whether the server runs "
            "(connector-agent doctor), or repeat the command later.",
        ) from error


def holder(pair: Pair, connection: Connection) -> Client:
    """A client that comes with the certificate."""
    with explained():
        passphrase = read_passphrase(connection.passphrase_file)
        return Client(root=None, verify=context(pair.anchors, pair.identity, passphrase))


def _host(error: httpx2.HTTPError) -> str:
    try:
        return error.request.url.netloc.decode("ascii", "replace")
    except RuntimeError:  # it was raised before there was a request
        return "The server"


def _reason(error: httpx2.HTTPError) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
