"""The two clients: one that waits, one that awaits. Their requests are in :mod:`connector.client.calls`."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

from connector.client import calls
from connector.client.calls import Answer, Configuration, Enrolled, Flow, Request
from connector.client.errors import Refused, distrust
from connector.client.keys import PrivateKey
from connector.client.trust import TIMEOUT_SECONDS, context
from connector.domain.strict_json import read as read_json

T = TypeVar("T")


class Client:
    """One way to call the server: with a token, or with a certificate. Use it as a context manager.

    Every method raises :class:`Refused` when the server says no, :class:`Untrusted` when the server is not the right
    one, and ``httpx2.HTTPError`` when it cannot be reached or refuses the connection.
    """

    def __init__(
        self,
        *,
        root: bytes | None,
        token: str | None = None,
        identity: tuple[Path, Path] | None = None,
        verify: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Make a client.

        Args:
            root: the PEM of what is trusted, and nothing else is; None for the system's store.
            token: the one-time token to send.
            identity: the files of chain and key to come with.
            verify: a context in place of what ``root`` and ``identity`` say, such as
                :func:`connector.client.following.context`.
            timeout: seconds for each step of a request.
        """
        self._http = httpx2.Client(verify=verify or context(root, identity), headers=_headers(token), timeout=timeout)

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def configuration(self, url: str) -> Configuration:
        """Ask for the configuration and the next token; a token is spent for it."""
        return self._run(calls.configuration(url))

    def describe(self, url: str) -> Configuration:
        """Ask for the configuration alone; no token is spent, and it may be asked for again."""
        return self._run(calls.describe(url))

    def standing(self, url: str) -> Configuration:
        """Ask, with a certificate, for the configuration and when to renew."""
        return self._run(calls.standing(url))

    def sign(self, url: str, csr: bytes, idempotency_key: str | None = None) -> bytes:
        """Have the CSR's PEM signed: the chain's PEM, leaf first."""
        return self._run(calls.sign(url, csr, idempotency_key))

    def enroll(self, url: str, key: PrivateKey, idempotency_key: str) -> Enrolled:
        """From the token to a certificate for the key. Sent again with the same CSR and key, it brings the same one."""
        return self._run(calls.enroll(url, key, idempotency_key))

    renew = enroll
    """From the certificate to the next one, for the key."""

    def renew_expired(self, url: str, fingerprint: bytes, csr: bytes, proof: str, idempotency_key: str) -> bytes:
        """Have the CSR's PEM signed for the holder of a certificate that has expired, where the server allows that."""
        return self._run(calls.renew_expired(url, fingerprint, csr, proof, idempotency_key))

    def revoke(self, url: str) -> None:
        """Revoke the certificate with which this client calls."""
        self._run(calls.revoke(url))

    def viewer(self, url: str) -> tuple[str, str]:
        """Whom the Director takes the caller for: id and type."""
        return self._run(calls.viewer(url))

    def query(
        self, url: str, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The answer of the document's one root field, aliased to ``result``."""
        return self._run(calls.query(Request(url, query, variables, headers)))

    def _run(self, flow: Flow[T]) -> T:
        try:
            request = next(flow)
            while True:
                try:
                    answer = self._send(request)
                except Refused as refusal:
                    request = flow.throw(refusal)
                else:
                    request = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def _send(self, request: Request) -> Answer:
        try:
            return _read(self._http.post(request.url, json=_body(request), headers=request.headers))
        except httpx2.HTTPError as error:
            untrusted = distrust(error)
            if untrusted is None:
                raise
            raise untrusted from error


class AsyncClient:
    """As :class:`Client`, in coroutines; of the same code."""

    def __init__(
        self,
        *,
        root: bytes | None,
        token: str | None = None,
        identity: tuple[Path, Path] | None = None,
        verify: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Make a client; see :class:`Client`."""
        self._http = httpx2.AsyncClient(
            verify=verify or context(root, identity), headers=_headers(token), timeout=timeout
        )

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def configuration(self, url: str) -> Configuration:
        """Ask for the configuration and the next token; a token is spent for it."""
        return await self._run(calls.configuration(url))

    async def describe(self, url: str) -> Configuration:
        """Ask for the configuration alone; no token is spent, and it may be asked for again."""
        return await self._run(calls.describe(url))

    async def standing(self, url: str) -> Configuration:
        """Ask, with a certificate, for the configuration and when to renew."""
        return await self._run(calls.standing(url))

    async def sign(self, url: str, csr: bytes, idempotency_key: str | None = None) -> bytes:
        """Have the CSR's PEM signed: the chain's PEM, leaf first."""
        return await self._run(calls.sign(url, csr, idempotency_key))

    async def enroll(self, url: str, key: PrivateKey, idempotency_key: str) -> Enrolled:
        """From the token to a certificate for the key. Sent again with the same CSR and key, it brings the same one."""
        return await self._run(calls.enroll(url, key, idempotency_key))

    renew = enroll
    """From the certificate to the next one, for the key."""

    async def renew_expired(self, url: str, fingerprint: bytes, csr: bytes, proof: str, idempotency_key: str) -> bytes:
        """Have the CSR's PEM signed for the holder of a certificate that has expired, where the server allows that."""
        return await self._run(calls.renew_expired(url, fingerprint, csr, proof, idempotency_key))

    async def revoke(self, url: str) -> None:
        """Revoke the certificate with which this client calls."""
        await self._run(calls.revoke(url))

    async def viewer(self, url: str) -> tuple[str, str]:
        """Whom the Director takes the caller for: id and type."""
        return await self._run(calls.viewer(url))

    async def query(
        self, url: str, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The answer of the document's one root field, aliased to ``result``."""
        return await self._run(calls.query(Request(url, query, variables, headers)))

    async def _run(self, flow: Flow[T]) -> T:
        try:
            request = next(flow)
            while True:
                try:
                    answer = await self._send(request)
                except Refused as refusal:
                    request = flow.throw(refusal)
                else:
                    request = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _send(self, request: Request) -> Answer:
        try:
            return _read(await self._http.post(request.url, json=_body(request), headers=request.headers))
        except httpx2.HTTPError as error:
            untrusted = distrust(error)
            if untrusted is None:
                raise
            raise untrusted from error


def _headers(token: str | None) -> Mapping[str, str]:
    return {} if token is None else {"Connector-Token": token}


def _body(request: Request) -> Mapping[str, Any]:
    return {"query": request.document, "variables": request.variables}


def _read(answer: httpx2.Response) -> Answer:
    try:
        content = read_json(answer.content)
    except ValueError:
        content = None
    return calls.read(answer.status_code, answer.headers, content)
