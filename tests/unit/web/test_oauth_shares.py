"""Requests for access tokens count for the tenant of their client, as all others do."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from tests.support.memory.store import MemoryStore
from tests.support.records import NOW, entity, system_auth, tenant

from connector.domain.clients import make_client
from connector.domain.pairing import Links
from connector.domain.quotas import Limit, Quotas
from connector.ports.transaction import Transaction
from connector.usecases.clients import Authorization
from connector.web.oauth import OAuthEndpoints
from connector.web.requests import BodyLimits
from connector.web.shares import Shares
from connector.web.throttle import Throttle

SECRET, CLIENT = make_client(bytes(32), system_auth(), created_by="admin:test", now=NOW)


async def endpoints(store: MemoryStore, shares: Shares) -> OAuthEndpoints:
    """The authorization server, with one client."""

    def furnish(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        tx.directory(tenant().id).add_entity(entity())
        tx.directory(tenant().id).add_system_auth(system_auth())
        tx.clients.add(CLIENT)

    await store.transaction(furnish)
    links = Links("", "", "", "", b"")
    throttle = Throttle(0, lambda: 0.0)
    return OAuthEndpoints(Authorization(store, timedelta(hours=1)), links, BodyLimits(1 << 20, 5.0), throttle, shares)


async def post(made: OAuthEndpoints, secret: str, **parameters: str) -> Response:
    """The answer to the client with that secret: of the token endpoint, or with ``token`` of revocation."""
    form: Mapping[str, str] = {"client_id": CLIENT.id, "client_secret": secret, **parameters}

    async def receive() -> Message:
        return {"type": "http.request", "body": "&".join(f"{name}={value}" for name, value in form.items()).encode()}

    kind = (b"content-type", b"application/x-www-form-urlencoded")
    scope = {"type": "http", "method": "POST", "query_string": b"", "headers": [kind], "client": ("192.0.2.1", 1)}
    request = Request(scope, receive)
    return await (made.revocation if "token" in parameters else made.token)(request)


def test_tenants_share_holds_for_its_clients() -> None:
    """With as many requests of its tenant under way as it may have, a client gets no access token and ends none: 429,
    and nothing is written. A wrong secret takes nothing of the tenant's share.
    """

    async def run() -> None:
        store, shares = MemoryStore(), Shares(Quotas(tenant_requests=1), 1, lambda: 0.0)
        made = await endpoints(store, shares)
        grant = {"grant_type": "client_credentials"}
        with shares.seat("another") as seat:
            assert (await post(made, "wrong", **grant)).status_code == 401
            seat.enter(tenant().id)
            for parameters in (grant, {"token": "any"}):
                answer = await post(made, SECRET.text, **parameters)
                assert answer.status_code == 429
                assert Limit.TENANT_REQUESTS.value.encode() in bytes(answer.body)
            assert await store.transaction(lambda tx: tx.clients.remove_ended(NOW + timedelta(days=999), 9)) == 0
        for parameters in (grant, {"token": "any"}):
            assert (await post(made, SECRET.text, **parameters)).status_code == 200

    asyncio.run(run())
