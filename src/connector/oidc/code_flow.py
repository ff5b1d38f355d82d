"""People who sign in at the issuer: the authorization code flow with PKCE (OpenID Connect Core 3.1, RFC 7636)."""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, urlencode, urlsplit

from connector.domain.principals import Caller
from connector.domain.refusals.callers import JWTRefused
from connector.oidc.bearers import OIDC
from connector.oidc.source import KeysUnavailable

AWAY = "The OpenID Connect issuer cannot be reached. Try again later, or sign in with name and password."
AGAIN = "The OpenID Connect issuer did not confirm the sign-in. Sign in again."


@dataclass(frozen=True, slots=True)
class CodeFlow:
    """Signs people in with the client that is registered at the issuer; without ``secret`` it is a public one."""

    oidc: OIDC
    client_id: str
    scopes: tuple[str, ...] = ("openid",)
    secret: str | None = field(default=None, repr=False)

    async def begin(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The URL to send the browser to.

        Raises:
            JWTRefused: the issuer cannot be reached, or lets nobody sign in.
        """
        address = await self._endpoint("authorization_endpoint")
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode("ascii").rstrip("=")
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parameters)}"

    async def finish(self, *, code: str, redirect_uri: str, nonce: str, verifier: str) -> Caller:
        """The user who signed in.

        Raises:
            JWTRefused: nobody did; the message says why, without the code or a token.
        """
        address = await self._endpoint("token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self.client_id,
        }
        headers = {}
        if self.secret is not None:
            # RFC 6749 2.3.1: form-encoded first, then basic.
            pair = f"{quote(self.client_id, safe='')}:{quote(self.secret, safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode('ascii')}"
        try:
            answer = await self.oidc.source.post(address, form, headers)
        except KeysUnavailable:
            raise JWTRefused(AGAIN) from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise JWTRefused(AGAIN)
        return await self.oidc.signed_in(token, client_id=self.client_id, nonce=nonce)

    async def _endpoint(self, name: str) -> str:
        try:
            return await self.oidc.source.endpoint(name)
        except KeysUnavailable:
            raise JWTRefused(AWAY) from None
