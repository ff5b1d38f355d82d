"""The client that other programs import: the one that waits, the one that awaits, and files that are followed."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.agents import agent, altered, enrolled, pairing
from tests.support.server import Server

from connector.client import AsyncClient, Client, Refused, Untrusted, following, make_key, pair, pair_async
from connector.client.calls import Enrolled
from connector.client.keys import make_csr
from connector.domain.refusals.objects import InvalidData


def keep(enrolled: Enrolled, directory: Path) -> tuple[Path, Path]:
    """Files of chain and key."""
    chain, key = directory / f"{uuid4()}.crt", directory / f"{uuid4()}.key"
    chain.write_bytes(enrolled.chain)
    key.write_bytes(enrolled.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, key


def test_a_life_with_the_client_that_waits(server: Server, tmp_path: Path) -> None:
    """Pair, enroll, ask, renew, revoke; what was revoked is refused with its code."""
    paired = pair(pairing(server, tmp_path.name[-80:]))
    url = paired.pairing.connector_url
    with Client(root=paired.root, token=paired.pairing.token) as client:
        first = client.enroll(url, make_key(), "one")
        csr = make_csr(first.key, first.configuration.subject)
        with pytest.raises(Refused) as other:  # ECDSA signs at random: it is another CSR
            client.sign(url, csr, "one")
        assert other.value.code == "idempotency_key_reused"
    secured = first.configuration.connector_url
    with Client(root=paired.root, identity=keep(first, tmp_path)) as client:
        told = client.standing(secured)
        assert told.renewal is not None
        assert told.renewal.start < told.renewal.end
        assert told.date is not None
        second = client.renew(secured, make_key(), "two")
        assert client.viewer(told.director_url)[1] == "APPLICATION"
        with pytest.raises(Refused) as invalid:
            client.query(told.director_url, "{ result: nonsense }")
        assert (invalid.value.code, invalid.value.is_final) == ("document_invalid", True)
    with Client(root=paired.root, identity=keep(second, tmp_path)) as client:
        client.revoke(secured)
        with pytest.raises(Refused) as refused:
            client.configuration(secured)
    assert refused.value.code == "certificate_revoked"


def test_a_life_with_the_client_that_awaits(server: Server, tmp_path: Path) -> None:
    """The same in coroutines."""

    async def life() -> None:
        paired = await pair_async(pairing(server, tmp_path.name[-80:]))
        async with AsyncClient(root=paired.root, token=paired.pairing.token) as client:
            assert (await client.describe(paired.pairing.connector_url)).token == ""
            told = await client.configuration(paired.pairing.connector_url)
        async with AsyncClient(root=paired.root, token=told.token) as client:
            first = await client.enroll(paired.pairing.connector_url, make_key(), "one")
            with pytest.raises(Refused):
                await client.sign(paired.pairing.connector_url, make_csr(make_key(), told.subject))
        secured = first.configuration.connector_url
        async with AsyncClient(root=paired.root, identity=keep(first, tmp_path)) as client:
            assert (await client.standing(secured)).renewal
            second = await client.renew(secured, make_key(), "two")
            assert await client.viewer(told.director_url) == await client.viewer(told.director_url)
            with pytest.raises(Refused):
                await client.renew_expired(secured, bytes(32), b"", "", "three")
        async with AsyncClient(root=paired.root, identity=keep(second, tmp_path)) as client:
            await client.revoke(secured)
            with pytest.raises(Refused) as refused:
                await client.query(secured, "{ result: configuration { token { token } } }")
        assert refused.value.code == "certificate_revoked"

    asyncio.run(life())


def test_another_server_is_not_talked_to(server: Server, tmp_path: Path) -> None:
    """Both clients tell a server that cannot prove itself from one that is away."""
    text = pairing(server, tmp_path.name[-80:])

    async def awaited() -> None:
        with pytest.raises(Untrusted):
            await pair_async(altered(text, rootFingerprint="0" * 64))
        async with AsyncClient(root=None) as client:
            with pytest.raises(Untrusted):
                await client.describe(server.public_connector)
            with pytest.raises(httpx2.ConnectError):
                await client.describe("https://localhost:1/connector/graphql")

    with pytest.raises(Untrusted):
        pair(altered(text, rootFingerprint="0" * 64))
    with pytest.raises(InvalidData):
        pair(text[:20])
    with Client(root=None) as client, pytest.raises(Untrusted, match="cannot prove"):
        client.describe(server.public_connector)
    asyncio.run(awaited())


def serial(directory: Path) -> str:
    return f"{x509.load_pem_x509_certificates((directory / 'tls.crt').read_bytes())[0].serial_number:x}"


def test_transports_follow_the_files(server: Server, tmp_path: Path) -> None:
    """After a renewal the next request goes as the new certificate's holder, on both transports: the former one may be
    revoked. A context alone does so for each new connection.
    """
    directory = enrolled(server, tmp_path / "identity")
    url = json.loads((directory / "connection.json").read_text())["director"]
    body = {"query": "{ viewer { type } }"}
    expected = {"data": {"viewer": {"type": "APPLICATION"}}}

    async def awaited() -> None:
        async with httpx2.AsyncClient(transport=following.AsyncTransport(directory)) as client:
            for _ in range(3):
                former = serial(directory)
                assert (await client.post(url, json=body)).json() == expected
                await asyncio.to_thread(agent, "renew", directory)
                await asyncio.to_thread(server.command, "revoke", former)
                assert (await client.post(url, json=body)).json() == expected

    context = following.context(directory)
    with httpx2.Client(transport=following.Transport(directory)) as client:
        for _ in range(3):
            former = serial(directory)
            assert client.post(url, json=body).json() == expected
            assert agent("renew", directory).returncode == 0
            server.command("revoke", former)
            assert client.post(url, json=body).json() == expected
    asyncio.run(awaited())
    with httpx2.Client(verify=context) as client:
        assert client.post(url, json=body).json() == expected


def test_nothing_to_follow(tmp_path: Path) -> None:
    """A directory without an identity is an OSError, at once."""
    for make in (following.context, following.Transport, following.AsyncTransport):
        with pytest.raises(OSError, match="current"):
            make(tmp_path)


def test_a_context_on_an_asynchronous_client(server: Server, tmp_path: Path) -> None:
    """Event loops take the context too."""
    directory = enrolled(server, tmp_path / "identity")

    async def ask() -> str:
        async with AsyncClient(root=None, verify=following.context(directory)) as client:
            return (await client.viewer(server.mtls_director))[1]

    assert asyncio.run(ask()) == "APPLICATION"
