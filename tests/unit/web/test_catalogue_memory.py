"""The memory that large services take while they are received, wait for their turn, and are answered."""

import asyncio
import json
from hashlib import sha256

import pytest
from starlette.responses import Response
from starlette.types import Message
from tests.support.authority import World
from tests.support.memory.store import MemoryStore
from tests.support.records import NOW, certificate, entity, system_auth, tenant

from connector.domain.directory import application_name
from connector.domain.quotas import Quotas
from connector.domain.refusals.requests import Overloaded
from connector.ports.transaction import Transaction
from connector.usecases.publications import Publications
from connector.web.legacy import CatalogueAPI
from connector.web.legacy.call import Call
from connector.web.requests import SMALL, BodyLimits, Budget
from connector.web.shares import Seat, Shares

DER = b"a certificate"
BEYOND = 1000
BODY = json.dumps(
    {"provider": "p", "name": "n", "description": "d", "events": {"spec": "x" * (SMALL + BEYOND)}}
).encode()


async def catalogue(octets: int) -> CatalogueAPI:
    """The catalogue of an application with a certificate, with so much memory for large services."""
    world = World(MemoryStore(), NOW)

    def furnish(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        tx.directory(tenant().id).add_entity(entity())
        tx.directory(tenant().id).add_system_auth(system_auth())
        tx.inventory.add(certificate(der=DER, fingerprint=sha256(DER).digest()))

    await world.store.transaction(furnish)
    limits = BodyLimits(1 << 20, 5.0)
    return CatalogueAPI(world.store, world.enrollment, lambda: NOW, Publications(), limits, Budget(octets))


def new_seat() -> Seat:
    return Shares(Quotas(), 1, lambda: 0.0).seat()


async def request(api: CatalogueAPI, method: str, seat: Seat, *, body: bytes = b"", id_: str = "") -> Response:
    """The answer to one request of the application."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    path = f"/{application_name(entity())}/v1/metadata/services{id_ and f'/{id_}'}"
    tls = {"tls": {"client_cert": DER}}
    scope = {"type": "http", "method": method, "raw_path": path.encode(), "headers": [], "extensions": tls}
    operations = {"GET": api.one if id_ else api.list, "POST": api.publish, "PUT": api.replace}
    return await operations[method](Call(scope, receive, seat))


def test_large_service_is_counted_until_it_is_answered() -> None:
    """A service that waits for its turn takes memory from the budget; where there is none left, it is refused before
    anything is done. The memory is given back with the answer.
    """

    async def run() -> None:
        api = await catalogue(octets=len(BODY) - SMALL)
        with new_seat() as held, new_seat() as refused:
            await request(api, "POST", held, body=BODY)
            with pytest.raises(Overloaded):
                await request(api, "POST", refused, body=BODY)
            assert len(json.loads((await request(api, "GET", held)).body)) == 1
        with new_seat() as held:
            assert (await request(api, "POST", held, body=BODY)).status_code == 200

    asyncio.run(run())


def test_replacement_that_was_done_is_answered() -> None:
    """The answer to a replacement takes no memory beyond that of its body: with none left, what was done is told."""

    async def run() -> None:
        api = await catalogue(octets=len(BODY) - SMALL)
        with new_seat() as held:
            id_ = json.loads((await request(api, "POST", held, body=BODY)).body)["id"]
        with new_seat() as held:
            answer = await request(api, "PUT", held, body=BODY.replace(b"xx", b"yy"), id_=id_)
            assert json.loads(answer.body)["events"]["spec"].startswith("yy")
            with pytest.raises(Overloaded):
                await request(api, "GET", held, id_=id_)

    asyncio.run(run())
