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
from connector.domain.tokens import Minted, OneTimeToken, TokenState, read_terms
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.usecases import registration
from connector.usecases.access import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, page
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
        now = self.director.enrollment.clock()

        def find(tx: Transaction, realm: Realm) -> Fields | None:
            found = tx.tokens.list(TokenFilter(realm.tenant.id, id=id), most=1)
            return record_fields(found[0], now=now) if found else None

        return await self.director.read(info, find)

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        now = self.director.enrollment.clock()
        given = arguments.get("filter") or {}
        names = wanted(info)

        def read(tx: Transaction, realm: Realm) -> Fields:
            which = TokenFilter(
                realm.tenant.id,
                owner_id=given.get("ownerID"),
                system_auth_id=given.get("systemAuthID"),
                state=TokenState(given["state"]) if given.get("state") else None,
                now=now,
            )
            return page(
                Cursors(f"oneTimeTokens {realm.tenant.id} {sorted(given.items())}", (datetime, str)),
                arguments,
                read=lambda after, most: tx.tokens.list(which, after=after, most=most),
                place=lambda token: (token.minted_at, token.id),
                tell=lambda found: [record_fields(token, now=now) for token in found],
                count=lambda: tx.tokens.count(which),
                wanted=names,
            )

        return await self.director.read(info, read)

    async def withdraw(self, _: None, info: Info, id: str) -> Fields:
        now = self.director.enrollment.clock()
        return await self.director.write(
            info, lambda tx, realm: record_fields(registration.withdraw_token(tx, realm, id, now=now), now=now)
        )


@dataclass(frozen=True, slots=True)
class AuthFields:
    """The fields about the system auths of one kind of owner."""

    director: Director
    kind: EntityKind

    def bind(self, mutation: MutationType) -> None:
        """Set the resolvers."""
        mutation.set_field(f"deleteSystemAuthFor{self.kind.value}", self.delete)
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
        enrollment, given = self.director.enrollment, terms or {}
        bound = read_terms(given.get("sourceNetwork"), given.get("keySHA256"))
        suggest = info.context.suggest and self.kind is EntityKind.APPLICATION

        def mint(tx: Transaction, realm: Realm) -> Fields:
            minted = registration.hand_over(
                tx,
                realm,
                self.kind,
                id,
                system_auth_id=systemAuthID,
                seconds=given.get("lifetimeSeconds"),
                terms=bound,
                policy=enrollment.policy.tokens,
                allowances=enrollment.allowances,
                random=enrollment.random,
                make_id=enrollment.make_id,
                now=enrollment.clock(),
            )
            owner = registration.registered(tx, realm, self.kind, minted.token.owner_id) if suggest else None
            return shown_fields(minted, self.director.links, suggest_for=owner)

        # Under a new system auth it meets nobody; in a named one it takes the place of the pending tokens.
        return await self.director.write(info, mint, alone=bool(systemAuthID))

    async def delete(
        self,
        _: None,
        info: Info,
        authID: str,  # noqa: N803 - the SDL's
    ) -> Fields:
        now = self.director.enrollment.clock()
        names = wanted(info)

        def delete(tx: Transaction, realm: Realm) -> Fields:
            auth = registration.delete_system_auth(tx, realm, self.kind, authID, now=now)
            (fields,) = self.tell(tx, realm, [auth], names)
            return fields

        return await self.director.write(info, delete)

    def tell(self, tx: Transaction, realm: Realm, auths: Sequence[SystemAuth], names: frozenset[str]) -> list[Fields]:
        """The system auths, each with the token that was last handed out for it, if the caller may read that."""
        inner: dict[str, Fields] = {}
        if "auth" in names and Scope(f"{self.kind.name.lower()}.auths:read") in realm.scopes:
            ids = [auth.id for auth in auths]
            handed_over = tx.tokens.list(TokenFilter(realm.tenant.id, system_auth_ids=ids, handed_over=True))
            last = {token.system_auth_id: token for token in reversed(handed_over)}
            certified = tx.inventory.certified(realm.tenant.id, ids)
            inner = {
                each: {
                    "credential": None,
                    "oneTimeToken": kept_fields(last[each], self.director.links) if each in last else None,
                    # As in the original, known once there is a certificate that has it.
                    "certCommonName": each if each in certified else None,
                }
                for each in ids
            }
        return [
            {
                "id": auth.id,
                "auth": inner.get(auth.id),
                "type": auth.owner_kind.name,
                "tenantId": auth.tenant_id,
                "referenceObjectId": auth.owner_id,
            }
            for auth in auths
        ]


def kept_fields(token: OneTimeToken, links: Links) -> Fields:
    """What can be told of a token later in the contract's terms: its public id, never its secret."""
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


def record_fields(token: OneTimeToken, *, now: datetime) -> Fields:
    """All that is kept of a token, but for the digest of its secret."""
    return {
        "id": token.id,
        "type": token.type.value,
        "state": token.state(now=now).value,
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
