"""What OAuth 2.0 clients do: get access tokens (RFC 6749 4.4), revoke them (RFC 7009), and call with them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from connector.domain import clients
from connector.domain.clients import MOST_ACCESS_TOKENS, Access, Client
from connector.domain.directory import SystemAuth
from connector.domain.refusals.clients import AccessTokenOfAnother
from connector.domain.secrets import Secret
from connector.ports.transaction import Store, Transaction


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client id and a secret, as they were presented."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """A new access token: its text, which nobody can ask for again, its scopes, and how long it lives."""

    secret: Secret
    scopes: frozenset[str]
    lifetime: timedelta


Enter = Callable[[str], None]
"""Counts the request for the tenant of that id, or raises RateLimited."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authorization server. Clients, and their access tokens, are looked up at each request."""

    store: Store
    lifetime: timedelta

    async def grant(self, presented: ClientCredentials, scope: str | None, *, enter: Enter) -> Granted:
        """A new access token for a client.

        Raises:
            ClientUnknown: the credentials are wrong.
            RateLimited: the client's tenant has too many requests.
            ScopeRefused: the client may have none of the scopes.
        """
        await self._check(presented, enter)

        def grant(tx: Transaction) -> Granted:
            client, auth = _authenticate(tx, presented)
            scopes = clients.granted(auth.owner_kind, scope)
            secret, token = clients.make_access_token(
                tx.random(clients.SECRET_OCTETS),
                client,
                scopes=None if scope is None else scopes,
                lifetime=self.lifetime,
                now=tx.now,
            )
            tx.clients.add_token(token, most=MOST_ACCESS_TOKENS)
            return Granted(secret, scopes, self.lifetime)

        return await self.store.transaction(grant, alone=False)

    async def revoke(self, presented: ClientCredentials, text: str, *, enter: Enter) -> None:
        """End an access token of the client. One that is not known has ended already.

        Raises:
            ClientUnknown: the credentials are wrong.
            RateLimited: the client's tenant has too many requests.
            AccessTokenOfAnother: the token was issued to another client.
        """
        await self._check(presented, enter)
        digest = clients.digest(text)

        def revoke(tx: Transaction) -> None:
            client, _ = _authenticate(tx, presented)
            access = tx.clients.access(digest)
            if access is not None and access.auth.id != client.id:
                raise AccessTokenOfAnother
            tx.clients.remove_token(digest)

        await self.store.transaction(revoke, alone=False)

    async def _check(self, presented: ClientCredentials, enter: Enter) -> None:
        """Refuse wrong credentials, and a tenant's flood, before a transaction that writes: neither holds others up."""
        _, auth = await self.store.read(lambda tx: _authenticate(tx, presented), single=True)
        enter(auth.tenant_id)


def access_of(tx: Transaction, text: str) -> Access:
    """The access that the bearer of this text has.

    Raises:
        AccessTokenUnknown, AccessTokenExpired: none.
    """
    presented = clients.digest(text)
    return clients.check_access(tx.clients.access(presented), presented, now=tx.now)


def _authenticate(tx: Transaction, presented: ClientCredentials) -> tuple[Client, SystemAuth]:
    return clients.check_client(tx.clients.find(presented.id), clients.digest(presented.secret))
