"""System auths and one-time tokens: the ways in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ariadne import MutationType, QueryType

from connector.domain import pairing
from connector.domain.directory import Entity, EntityKind, SystemAuth
from connector.domain.pairing import Links
from connector.domain.principals import Scope
from connector.domain.secrets import Secret
from connector.domain.tokens import Minted, OneTimeToken, TokenState, read_terms
from connector.ports.tokens import TokenFilter
from connector.usecases import registration
from connector.usecases.realms import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page
from connector.web.graphql.wanted import wanted

LEGACY_LABEL = "legacy"


@dataclass(frozen=True, slots=True)
class TokenFields:
    """The fields about tokens of any kind of owner."""

    director: Director

    def bind(self, query: QueryType, mutation: MutationType) -> None:
        """Set the resolvers."""
        query.set_field("oneTimeToken", self.one)
        query.set_field("oneTimeTokens", self.many)
        mutation.set_field("withdrawOneTimeToken", self.withdraw)

    async def one(self, _: None, info: Info, id: str) -> Fields | None:
        def find(realm: Realm) -> Fields | None:
            found = realm.tokens.list(TokenFilter(id=id), most=1)
            return record_fields(realm, found[0]) if found else None

        return await (await self.director.office(info)).read(find)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        given = arguments.get("filter") or {}
        names = wanted(info)
        which = TokenFilter(
            owner_id=given.get("ownerID"),
            system_auth_id=given.get("systemAuthID"),
            state=TokenState(given["state"]) if given.get("state") else None,
        )

        def read(realm: Realm) -> Fields:
            return page(
                Listing(
                    Cursors(f"oneTimeTokens {realm.tenant_id} {sorted(given.items())}", (datetime, str)),
                    read=lambda after, most: realm.tokens.list(which, after=after, most=most),
                    place=lambda token: (token.minted_at, token.id),
                    tell=lambda found: [record_fields(realm, token) for token in found],
                    count=lambda: realm.tokens.count(which),
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.office(info)).read(read)

    async def withdraw(self, _: None, info: Info, id: str) -> Fields:
        office = await self.director.office(info)
        return await office.run_then(record_fields, registration.withdraw_token, id)


@dataclass(frozen=True, slots=True)
class AuthFields:
    """The fields about the system auths of one kind of owner."""

    director: Director
    kind: EntityKind

    def bind(self, mutation: MutationType) -> None:
        """Set the resolvers."""
        mutation.set_field(f"deleteSystemAuthFor{self.kind.value}", self.delete)
        mutation.set_field(f"requestClientCredentialsFor{self.kind.value}", self.request_credentials)
        if self.kind is not EntityKind.INTEGRATION_SYSTEM:
            mutation.set_field(f"requestOneTimeTokenFor{self.kind.value}", self.request_token)

    async def request_token(
        self,
        _: None,
        info: Info,
        id: str,
        systemAuthID: str | None = None,  # noqa: N803 - the SDL's
        terms: Fields | None = None,
    ) -> Fields:
        given = terms or {}
        suggest = info.context.suggest and self.kind is EntityKind.APPLICATION

        def tell(realm: Realm, minted: Minted) -> Fields:
            owner = registration.registered(realm, self.kind, minted.token.owner_id) if suggest else None
            return shown_fields(minted, self.director.links, suggest_for=owner)

        # In a system auth that is named, the id does not count, as in the original.
        return await (await self.director.office(info)).run_then(
            tell,
            registration.hand_over_under if systemAuthID else registration.hand_over,
            self.kind,
            systemAuthID or id,
            terms=read_terms(given.get("sourceNetwork"), given.get("keySHA256"), given.get("lifetimeSeconds")),
            policy=self.director.tokens,
            allowances=self.director.allowances,
        )

    async def request_credentials(self, _: None, info: Info, id: str) -> Fields:
        links = self.director.links

        def tell(_: Realm, made: tuple[SystemAuth, Secret]) -> Fields:
            auth, secret = made
            return {**_plain(auth), "auth": {"credential": credential_fields(auth.id, links, secret)}}

        office = await self.director.office(info)
        return await office.run_then(tell, registration.request_client_credentials, self.kind, id)

    async def delete(
        self,
        _: None,
        info: Info,
        authID: str,  # noqa: N803 - the SDL's
    ) -> Fields:
        names = wanted(info)
        # Clients of Compass delete those of integration systems, which have no tenant there, with an empty header.
        is_system = self.kind is EntityKind.INTEGRATION_SYSTEM
        office = await (self.director.office_of_auth(info, authID) if is_system else self.director.office(info))
        return await office.run_then(
            lambda realm, auth: self.tell(realm, [auth], names)[0], registration.delete_system_auth, self.kind, authID
        )

    def tell(self, realm: Realm, auths: Sequence[SystemAuth], names: frozenset[str]) -> list[Fields]:
        """The system auths, each with the token that was last handed out for it, if the caller may read that."""
        inner: dict[str, Fields] = {}
        if "auth" in names and Scope(f"{self.kind.name.lower()}.auths:read") in realm.scopes:
            ids = [auth.id for auth in auths]
            last = realm.tokens.last_handed_over(ids)
            certified, clients = realm.certificates.certified(ids), realm.clients.among(ids)
            inner = {
                each: {
                    "credential": credential_fields(each, self.director.links) if each in clients else None,
                    "oneTimeToken": kept_fields(last[each], self.director.links) if each in last else None,
                    # As in the original, known once there is a certificate that has it.
                    "certCommonName": each if each in certified else None,
                }
                for each in ids
            }
        return [{**_plain(auth), "auth": inner.get(auth.id)} for auth in auths]


def credential_fields(client_id: str, links: Links, secret: Secret | None = None) -> Fields:
    """Client credentials. The secret is shown once, to the caller who requested them; later it is empty."""
    text = secret.text if secret is not None else ""
    return {"clientId": client_id, "clientSecret": text, "url": links.token_endpoint}


def kept_fields(token: OneTimeToken, links: Links) -> Fields:
    """The fields of a token that can be shown later, in the contract's terms: its public id, never its secret."""
    return {
        "token": token.id,
        "connectorURL": links.connector,
        "legacyConnectorURL": links.legacy_connector,
        "used": token.spent_at is not None,
        "expiresAt": token.expires_at,
        "createdAt": token.minted_at,
        "usedAt": token.spent_at or pairing.ZERO_TIME,
        "raw": None,
        "rawEncoded": None,
        "type": token.type.value,
        "scenarioGroups": None,
    }


def shown_fields(minted: Minted, links: Links, *, suggest_for: Entity | None) -> Fields:
    """The fields that are shown once, to the caller that issued the token.

    ``suggest_for`` is the owner, if the caller asked for the kind of ``token`` that suits it (docs/wire-contract.md).
    """
    raw = pairing.raw(minted.secret, minted.token, links)
    encoded, legacy_url = pairing.encode(raw), pairing.legacy_url(minted.secret, links)
    token = minted.secret.text
    if suggest_for is not None and suggest_for.integration_system_id is None:
        token = legacy_url if suggest_for.labels.get(LEGACY_LABEL) is True else encoded
    return {
        **kept_fields(minted.token, links),
        "token": token,
        "legacyConnectorURL": legacy_url,
        "raw": raw,
        "rawEncoded": encoded,
    }


def record_fields(realm: Realm, token: OneTimeToken) -> Fields:
    """All that is kept of a token, but for the digest of its secret."""
    return {
        "id": token.id,
        "type": token.type.value,
        "state": token.state(now=realm.now).value,
        "systemAuthID": token.system_auth_id,
        "ownerID": token.owner_id,
        "mintedBy": token.minted_by,
        "createdAt": token.minted_at,
        "expiresAt": token.expires_at,
        "usedAt": token.spent_at,
        "withdrawnAt": token.withdrawn_at,
        "sourceNetwork": token.source,
        "keySHA256": token.key.hex() if token.key is not None else None,
        "refusals": token.refusals,
    }


def _plain(auth: SystemAuth) -> Fields:
    return {
        "id": auth.id,
        "type": auth.owner_kind.name,
        "tenantId": auth.tenant_id,
        "referenceObjectId": auth.owner_id,
    }
