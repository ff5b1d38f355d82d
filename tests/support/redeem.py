"""A process that tries to redeem tokens: reads its task as JSON from standard input, prints a line for each outcome.

An outcome is the code of the refusal, or ``issued`` with the certificate's chain in base64, or ``lost`` where no answer
came. Each is flushed at once, so that what this process has received is known even when the server is killed.
"""

import asyncio
import json
import ssl
import sys
from base64 import b64encode
from typing import Any

import httpx2

from connector.client import make_csr, make_key

SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"


async def redeem(client: httpx2.AsyncClient, url: str, token: str, subject: str) -> str:
    csr = b64encode(make_csr(make_key(), subject)).decode()
    try:
        answer = await client.post(
            url, json={"query": SIGN, "variables": {"csr": csr}}, headers={"Connector-Token": token}
        )
        content = answer.json()
    except httpx2.HTTPError:
        return "lost"
    if content.get("errors"):
        return str(content["errors"][0]["extensions"]["error"])
    return f"issued {content['data']['result']['certificateChain']}"


async def main(task: dict[str, Any]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=task["root"])
    limits = httpx2.Limits(max_connections=task["connections"])
    async with httpx2.AsyncClient(verify=context, timeout=60, limits=limits) as client:
        tries = [redeem(client, task["url"], token, subject) for token, subject in task["tokens"]]
        for outcome in asyncio.as_completed(tries):
            sys.stdout.write(f"{await outcome}\n")
            sys.stdout.flush()


asyncio.run(main(json.load(sys.stdin)))
