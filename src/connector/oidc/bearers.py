"""Finds out who calls with a JWT, and keeps the issuer's keys fresh."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hmac import compare_digest

from connector.domain.principals import Caller
from connector.domain.refusals.callers import JWTRefused
from connector.oidc.claims import AGAIN, check_claims, read_caller
from connector.oidc.compact import PARTS, json_part
from connector.oidc.jwks import MAX_HEADER, VerificationKey, fits, is_signed
from connector.oidc.policy import OIDCPolicy
from connector.oidc.source import KeysUnavailable, Source
from connector.ports.transaction import Clock

MAX_TOKEN = 16 * 1024
# However many tokens with unknown keys come: the issuer is asked no more often than this.
ASK_AGAIN = timedelta(seconds=10)
# While the keys cannot be fetched, the loop asks this often.
RETRY = timedelta(seconds=30)
# The issuer may have withdrawn a key meanwhile: so long a silence is no reason to go on trusting.
MAX_AGE = timedelta(hours=24)
TYPES = {"jwt", "at+jwt", "application/at+jwt"}
# A key that the token itself brings or points to proves nothing, and to fetch it would be a request of the sender's
# choice. RFC 7515 4.1.11: who does not understand what is in "crit" must refuse; we understand no extension.
NEVER = ("jku", "x5u", "jwk", "x5c", "crit", "b64")

COPY = "Check that it was copied whole, or sign in again."


class OIDC:
    """The bearers of one issuer's tokens.

    ``chance`` gives numbers from 0 to 1, by which replicas do not all ask the issuer at the same moment.

    Raises:
        OSError: the policy's file of trust anchors cannot be read, or holds none.
    """

    def __init__(self, policy: OIDCPolicy, *, clock: Clock, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._source = Source(policy)
        self._keys: tuple[VerificationKey, ...] = ()
        self._fetched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._failing_since: datetime | None = None
        self._failure: str | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def caller(self, text: str) -> Caller:
        """The caller with this token.

        Raises:
            JWTRefused: nobody does; the message says why, and holds nothing of the token.
        """
        return read_caller(await self._claims(text, self._policy), self._policy)

    async def signed_in(self, text: str, *, client_id: str, nonce: str) -> Caller:
        """The user who signed in, by an ID token for this client and this sign-in (OpenID Connect Core 3.1.3.7).

        Raises:
            JWTRefused: nobody did; the message says why, and holds nothing of the token.
        """
        claims = await self._claims(text, replace(self._policy, audience=client_id))
        said = claims.get("nonce")
        if not isinstance(said, str) or not compare_digest(said.encode(), nonce.encode()):
            raise JWTRefused("The issuer's answer belongs to another sign-in. Sign in again.")
        if claims.get("azp", client_id) != client_id:
            raise JWTRefused("The issuer's answer is for another client. Sign in again.")
        return read_caller(claims, self._policy)

    @property
    def source(self) -> Source:
        """Where the issuer is asked."""
        return self._source

    async def _claims(self, text: str, policy: OIDCPolicy) -> dict[str, object]:
        """The claims, once signature, audience and times are certain."""
        header, claims = _read(text)
        algorithm, kid = self._check_header(header)
        key = await self._key(algorithm, kid)
        if not is_signed(text, key, algorithms=policy.algorithms):
            raise JWTRefused(f"The bearer token's signature is not the issuer's. {COPY}")
        check_claims(claims, policy, now=self._clock())
        return claims

    def ailing(self) -> str | None:
        """Why new keys cannot be had, in a sentence for people; None when they can."""
        if self._failing_since is None:
            return None
        since = self._failing_since.isoformat(timespec="seconds")
        return f"The OpenID Connect issuer {self._policy.issuer} {self._failure}, since {since}."

    async def keep_fresh(self) -> None:
        """Fetch the keys now, and again and again until cancelled. That the issuer is away ends nothing."""
        while True:
            await self._fetch()
            pause = self._policy.refresh
            if self._failing_since is not None:
                pause = min(pause, RETRY)
            await asyncio.sleep(pause.total_seconds() * (0.8 + 0.2 * self._chance()))

    async def close(self) -> None:
        """End a fetch that is under way, and close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        await self._source.close()

    def _check_header(self, header: dict[str, object]) -> tuple[str, str | None]:
        for name in NEVER:
            if name in header:
                raise JWTRefused(f"The bearer token's header holds {name}, which is never taken. {COPY}")
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in self._policy.algorithms:
            allowed = ", ".join(self._policy.algorithms)
            raise JWTRefused(f"The bearer token is not signed in a way that is allowed. Have it signed with {allowed}.")
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            raise JWTRefused(f"The bearer token is of a type that is not JWT or at+jwt. {COPY}")
        if kid is not None and not isinstance(kid, str):
            raise JWTRefused(f"The bearer token's kid is not a text. {COPY}")
        # Every other value that we know is plain; what is nested, no parser has to follow twice.
        if any(isinstance(value, dict | list) for value in header.values()):
            raise JWTRefused(f"The bearer token's header holds more than plain values. {COPY}")
        return algorithm, kid

    async def _key(self, algorithm: str, kid: str | None) -> VerificationKey:
        """The one key that can have signed; it is asked for at the issuer where it is not known."""
        if not self._named(kid):
            await self._ask()
        named = self._named(kid)
        if not named and (self._failing_since is not None or self._is_stale()):
            raise JWTRefused(
                "The bearer token cannot be checked, because its key is not known here and the OpenID Connect issuer "
                "cannot be reached. Try again later, or call with an API key."
            )
        if not named:
            raise JWTRefused(f"The bearer token's key is not one of the issuer's. {AGAIN}")
        fitting = [key for key in named if fits(key, algorithm, algorithms=self._policy.algorithms)]
        if len(fitting) != 1:
            raise JWTRefused(
                "The bearer token does not say by which key it is signed, or signs with it in a way that is not the "
                "key's. Have the issuer name the key by kid, and sign by its alg."
            )
        return fitting[0]

    def _named(self, kid: str | None) -> list[VerificationKey]:
        if self._is_stale():
            return []
        return [key for key in self._keys if kid is None or key.kid == kid]

    def _is_stale(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > MAX_AGE

    async def _ask(self) -> None:
        """Fetch the keys for a token that needs others, unless that was done just now."""
        now = self._clock()
        # A clock that was set back must not keep us from asking until it has caught up.
        if self._fetching is None and self._asked_at is not None and abs(now - self._asked_at) < ASK_AGAIN:
            return
        if self._fetching is None:
            self._asked_at = now
        await self._fetch()

    async def _fetch(self) -> None:
        """Fetch the keys, or wait for the fetch that is under way. It belongs to nobody: who waits may be cancelled."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_alone())
        await asyncio.wait([self._fetching])

    async def _fetch_alone(self) -> None:
        try:
            keys = await self._source.keys()
        except KeysUnavailable as error:
            self._fail(str(error))
        else:
            # Also when there are none: the issuer has then withdrawn those that we knew.
            self._keys, self._fetched_at = keys, self._clock()
            if keys:
                self._failing_since = self._failure = None
            else:
                self._fail("gives no keys: its JWK Set holds none for signatures that can be used")
        finally:
            self._fetching = None

    def _fail(self, why: str) -> None:
        self._failing_since = self._failing_since or self._clock()
        self._failure = why


def _read(text: str) -> tuple[dict[str, object], dict[str, object]]:
    """The header and the claims; nothing of them is to be believed yet."""
    if len(text) > MAX_TOKEN:
        raise JWTRefused(f"The bearer token is longer than {MAX_TOKEN // 1024} KiB. {COPY}")
    parts = text.split(".")
    header = json_part(parts[0]) if len(parts) == PARTS and len(parts[0]) <= MAX_HEADER else None
    claims = json_part(parts[1]) if header is not None else None
    if header is None or claims is None:
        raise JWTRefused(f"The bearer token is not a signed JWT. {COPY}")
    return header, claims
