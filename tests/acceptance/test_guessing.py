"""Guessing tokens and keys over the wire."""

import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from secrets import token_urlsafe

import httpx2
import pytest
from tests.support.server import Server, post

GUESSES = 300
ATTEMPTS = 20
ALIASES = "{ a: viewer { id } b: viewer { id } c: viewer { id } d: viewer { id } e: viewer { id } }"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets an address guess as often as the default says."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    with Server(data, settings={"CONNECTOR_LIMITS__ATTEMPTS": str(ATTEMPTS)}) as server:
        yield server


def from_address(server: Server, address: str) -> httpx2.Client:
    """A client that comes from this loopback address: each stands for another machine."""
    context = ssl.create_default_context(cadata=server.root.decode())
    transport = httpx2.HTTPTransport(verify=context, local_address=address)
    return httpx2.Client(transport=transport)


def guess(client: httpx2.Client, server: Server, kind: str) -> httpx2.Response:
    """One wrong credential of its kind."""
    if kind == "token":
        return post(
            client,
            server.public_connector,
            "{ configuration { token { token } } }",
            **{"Connector-Token": f"{token_urlsafe(64)}=="},
        )
    wrong = f"connector-key-{token_urlsafe(32)}" if kind == "key" else "a.b.c"
    query = ALIASES if kind == "aliases" else "{ viewer { id } }"
    return post(client, server.public_director, query, Authorization=f"Bearer {wrong}", Tenant="default")


@pytest.mark.parametrize(("number", "kind"), [(2, "token"), (3, "key"), (4, "jwt"), (5, "aliases")])
def test_who_guesses_is_slowed_down(guarded: Server, number: int, kind: str) -> None:
    """After 20 wrong tokens, keys or aliases an address gets 429 with a time to wait; another address is served."""
    with from_address(guarded, f"127.0.0.{number}") as client:
        answers = [guess(client, guarded, kind) for _ in range(GUESSES)]

    counted = Counter(answer.status_code for answer in answers)
    assert counted[200] <= ATTEMPTS + 5, counted
    assert counted[200] + counted[429] == GUESSES
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["errors"][0]["extensions"]["error"] == "too_many_attempts"

    key = (guarded.data / "admin.key").read_text().strip()
    with from_address(guarded, "127.0.0.99") as client:
        for _ in range(ATTEMPTS * 2):
            answer = post(client, guarded.public_director, "{ viewer { id } }", Authorization=f"Bearer {key}")
            assert answer.json() == {"data": {"viewer": {"id": "first"}}}


def test_good_credentials_are_not_counted(guarded: Server, tmp_path: Path) -> None:
    """Any number of requests with good keys and tokens, and of refusals that are no guesses, goes through."""
    spent = guarded.token(guarded.application("not-counted"))
    guarded.enroll(spent, tmp_path)
    with from_address(guarded, "127.0.0.50") as client:
        for _ in range(ATTEMPTS * 2):
            answer = post(
                client, guarded.public_connector, "{ configuration { token { token } } }", **{"Connector-Token": spent}
            )
            assert answer.json()["errors"][0]["extensions"]["error"] == "token_spent"
