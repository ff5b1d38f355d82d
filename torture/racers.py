"""A process of many clients that redeem one token at once: reads its task, then tokens, as JSON lines from its input.

For each token it says ``prepared``, waits for a line, and then prints what came of all its redemptions.
"""

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from typing import Any

from connector.client import make_csr, make_key
from torture.clients import CONNECTOR, SIGN, Ready, received
from torture.wire import Connection, Lost, open_all, trust

say = partial(print, flush=True)


async def race(connections: Sequence[Connection], ready: Ready) -> dict[str, Any]:
    """One redemption on each connection, all sent at once."""
    csrs = [b64encode(make_csr(make_key(), ready.subject)).decode() for _ in connections]
    await open_all(connections)
    say("prepared")
    await asyncio.to_thread(sys.stdin.readline)

    async def redeem(connection: Connection, csr: str) -> tuple[str, int, str | None]:
        try:
            answer = await connection.post(CONNECTOR, SIGN, {"csr": csr}, Connector_Token=ready.token)
        except Lost:
            return "lost", 0, None
        if answer.code is not None:
            return answer.code, answer.status, None
        return "issued", answer.status, received(answer).fingerprint.hex()

    outcomes = await asyncio.gather(*map(redeem, connections, csrs))
    return {
        "outcomes": [code for code, _, _ in outcomes],
        "statuses": [status for _, status, _ in outcomes],
        "fingerprints": [fingerprint for _, _, fingerprint in outcomes if fingerprint is not None],
    }


async def main() -> None:
    """Race for each token that comes in."""
    task = json.loads(sys.stdin.readline())
    context = trust(task["root"].encode())
    urls = task["urls"]
    connections = [Connection(urls[number % len(urls)], context) for number in range(task["connections"])]
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(json.dumps(await race(connections, Ready(**json.loads(line)))))


if __name__ == "__main__":
    asyncio.run(main())
