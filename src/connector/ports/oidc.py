"""People and programs that an OpenID Connect issuer vouches for."""

from typing import Protocol

from connector.domain.principals import Caller


class Bearers(Protocol):
    """Knows the bearers of tokens that somebody else issued: an OpenID Connect issuer."""

    async def caller(self, text: str) -> Caller:
        """The caller with this token. Raises JWTRefused; the message says why, without the token."""

    def ailing(self) -> str | None:
        """The fault of the source of trust, in a sentence for people; None if there is none."""


class SignsIn(Protocol):
    """Lets people sign in at an OpenID Connect issuer: the authorization code flow with PKCE (RFC 7636)."""

    async def begin(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The URL to send the browser to. Raises JWTRefused where the issuer cannot be reached."""

    async def finish(self, *, code: str, redirect_uri: str, nonce: str, verifier: str) -> Caller:
        """The user who signed in. Raises JWTRefused if nobody did."""
