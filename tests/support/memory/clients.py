"""OAuth 2.0 clients and their access tokens in memory."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.clients import Access, AccessToken, Client
from connector.domain.directory import SystemAuth
from connector.domain.refusals.clients import ClientUnknown
from connector.domain.refusals.objects import ObjectNotFound


@dataclass(slots=True)
class MemoryClients:
    """The clients. Those whose system auth is gone are gone with it, and so are their access tokens."""

    tables: Tables

    def add(self, client: Client) -> None:
        if client.id not in self.tables.system_auths or self.find(client.id) is not None:
            raise ObjectNotFound
        self.tables.clients[client.id] = client

    def find(self, id: str) -> tuple[Client, SystemAuth] | None:
        client, auth = self.tables.clients.get(id), self.tables.system_auths.get(id)
        return None if client is None or auth is None else (client, auth)

    def among(self, tenant_id: str, ids: Collection[str]) -> frozenset[str]:
        found = [self.find(each) for each in ids]
        return frozenset(each[0].id for each in found if each is not None and each[1].tenant_id == tenant_id)

    def add_token(self, token: AccessToken, *, most: int) -> None:
        if self.find(token.client_id) is None:
            raise ClientUnknown
        self.tables.access_tokens[token.digest] = token
        own = [each for each in self.tables.access_tokens.values() if each.client_id == token.client_id]
        for each in sorted(own, key=lambda each: each.issued_at)[:-most]:
            del self.tables.access_tokens[each.digest]

    def access(self, digest: bytes) -> Access | None:
        token = self.tables.access_tokens.get(digest)
        found = None if token is None else self.find(token.client_id)
        if token is None or found is None:
            return None
        return Access(token, found[1], self.tables.tenants[found[1].tenant_id])

    def remove_token(self, digest: bytes) -> None:
        self.tables.access_tokens.pop(digest, None)

    def remove_ended(self, before: datetime, most: int) -> int:
        ended = [each for each in self.tables.access_tokens.values() if each.expires_at < before]
        ended.sort(key=lambda each: each.expires_at)
        for each in ended[:most]:
            del self.tables.access_tokens[each.digest]
        return len(ended[:most])
