"""Tokens of a real OpenID Connect provider: oidc-provider, a certified one, in a process of its own."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx2
import pytest
from tests.integration.oidc.issuer import Clock, refused

from connector.domain.principals import Caller, Role
from connector.oidc import OIDC, OIDCPolicy

HERE = Path(__file__).parents[2] / "oidc"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


class Provider:
    """The running provider."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", "provider.mjs", ALGORITHMS[0]],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._line()
        assert self.url.startswith("http://127.0.0.1:"), "the provider did not start: is it installed (make test)?"
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            # The end of its standard input ends it.
            self._process.communicate(timeout=10)

    def rotate(self, algorithm: str) -> None:
        """Sign by a new key of that algorithm from now on, and publish no other."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{algorithm}\n")
        self._process.stdin.flush()
        assert self._line() == algorithm

    def token(self, name: str) -> str:
        """A new access token for somebody, by the grant of client credentials."""
        answer = httpx2.post(
            f"{self.url}/token", data={"grant_type": "client_credentials"}, auth=(name, "of+the+test"), trust_env=False
        )
        return str(answer.raise_for_status().json()["access_token"])

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def trusting(provider: Provider, clock: Clock) -> OIDC:
    return OIDC(OIDCPolicy(issuer=provider.url, audience="connector", roles_claim="realm_access.roles"), clock=clock)


def test_tokens_of_each_algorithm_and_of_new_keys(provider: Provider) -> None:
    """A real provider's access tokens are taken in each algorithm, and go on being taken when it changes its key."""
    clock = Clock(datetime.now(UTC))

    async def scenario() -> list[Caller]:
        oidc = trusting(provider, clock)
        callers = []
        for algorithm in ALGORITHMS:
            provider.rotate(algorithm)
            callers.append(await oidc.caller(provider.token("ann")))
            clock.advance(seconds=11)
        assert oidc.ailing() is None
        await oidc.close()
        return callers

    ann = Caller("ann", "user:ann", Role.OPERATOR, frozenset({"acme"}))
    assert asyncio.run(scenario()) == [ann] * len(ALGORITHMS)


def test_somebody_without_a_role(provider: Provider) -> None:
    """Whom the provider knows, and gave no role, is nobody here."""

    async def scenario() -> str:
        oidc = trusting(provider, Clock(datetime.now(UTC)))
        message = await refused(oidc.caller(provider.token("nobody")))
        await oidc.close()
        return message

    assert "the claim realm_access.roles" in asyncio.run(scenario())


def test_a_token_for_another_audience(provider: Provider) -> None:
    """A good token of the provider that is for somebody else is refused."""

    async def scenario() -> str:
        oidc = OIDC(OIDCPolicy(issuer=provider.url, audience="other"), clock=Clock(datetime.now(UTC)))
        message = await refused(oidc.caller(provider.token("ann")))
        await oidc.close()
        return message

    assert "another audience" in asyncio.run(scenario())
