"""Fetching the issuer's keys: discovery (OpenID Connect Discovery 1.0), then the JWK Set that it names."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import httpx2

from connector.domain.strict_json import JSONError, read_object
from connector.oidc.jwks import MAX_KEYS, VerificationKey, read_keys
from connector.oidc.policy import OIDCPolicy, is_allowed

MAX_BODY = 512 * 1024
# A compressed body has no bound until it is unpacked, so that none is asked for and none is taken.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


class KeysUnavailable(Exception):  # noqa: N818 - it is no error of ours
    """The issuer's keys could not be fetched. The text goes on a sentence that begins with the issuer."""


class Source:
    """Where the keys come from. No redirect is followed, and no proxy is taken from the environment.

    Raises:
        OSError: the file of trust anchors cannot be read, or holds none.
    """

    def __init__(self, policy: OIDCPolicy) -> None:
        self._policy = policy
        self._seconds = policy.timeout.total_seconds()
        context = ssl.create_default_context(cafile=policy.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._http = httpx2.AsyncClient(
            verify=context,
            headers=_HEADERS,
            timeout=self._seconds,
            # Minutes lie between two fetches: a connection kept for so long is one that may be dead.
            limits=httpx2.Limits(max_connections=2, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def keys(self) -> tuple[VerificationKey, ...]:
        """The keys that the issuer publishes for its signatures now.

        Raises:
            KeysUnavailable: they cannot be had.
        """
        address = await self.endpoint("jwks_uri")
        entries = (await self._ask("GET", address, "JWK Set")).get("keys")
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise KeysUnavailable(f"gives no keys: its JWK Set holds no list of at most {MAX_KEYS} keys")
        return read_keys(entries)

    async def endpoint(self, name: str) -> str:
        """The URL that the discovery document has under that name.

        Raises:
            KeysUnavailable: it cannot be had, or may not be used.
        """
        discovery = f"{self._policy.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = await self._ask("GET", discovery, "discovery document")
        if document.get("issuer") != self._policy.issuer:
            raise KeysUnavailable("gives no keys: its discovery document names another issuer")
        address = document.get(name)
        if not isinstance(address, str) or not is_allowed(address, plain=self._policy.is_plain):
            raise KeysUnavailable(f"gives no keys: its discovery document names no {name} that may be used")
        return address

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, object]:
        """The answer to a form.

        Raises:
            KeysUnavailable: it cannot be had.
        """
        return await self._ask("POST", url, "token endpoint", data=form, headers=headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, method: str, url: str, what: str, **content: Any) -> Mapping[str, object]:
        try:
            # httpx2 bounds each read; this bounds them all.
            async with asyncio.timeout(self._seconds), self._http.stream(method, url, **content) as answer:
                body = await _body(answer, what)
        except TimeoutError as error:
            raise KeysUnavailable(f"cannot be reached: its {what} took more than {self._seconds:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise KeysUnavailable(f"cannot be reached: fetching its {what} failed ({type(error).__name__})") from error
        try:
            return read_object(body)
        except JSONError as error:
            raise KeysUnavailable(f"gives no keys: its {what} is not a JSON object: {error}") from error


async def _body(answer: httpx2.Response, what: str) -> bytes:
    if answer.status_code != httpx2.codes.OK:
        raise KeysUnavailable(f"gives no keys: its {what} was answered with the status {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise KeysUnavailable(f"gives no keys: its {what} is compressed")
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY:
            raise KeysUnavailable(f"gives no keys: its {what} is longer than {MAX_BODY // 1024} KiB")
    return bytes(body)
