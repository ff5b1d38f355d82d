# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""One-time tokens over SQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, update

from connector.domain import tokens as rules
from connector.domain.refusals.tokens import TokenSpent, TokenUnknown
from connector.domain.tokens import OneTimeToken, TokenState
from connector.ports.tokens import TokenFilter
from connector.storage.columns import Moment
from connector.storage.schema import tokens
from connector.storage.statements import Insert, Prepared, PreparedAmong, chunks, page, unindexed

Conditions = list[ColumnElement[bool]]

_OPEN = (tokens.c.spent_at.is_(None), tokens.c.withdrawn_at.is_(None))
_MINTED = (*_OPEN, tokens.c.expires_at > bindparam("now", type_=Moment))
_FIND = Prepared(select(tokens).where(tokens.c.digest == bindparam("digest")))
_READ = select(tokens).where(tokens.c.id == bindparam("id"))
_REDEEM = Prepared(update(tokens).where(tokens.c.id == bindparam("this"), *_MINTED).values(spent_at=bindparam("now")))
_COUNT_REFUSALS = Prepared(
    update(tokens)
    .where(tokens.c.id == bindparam("this"))
    .values(refusals=tokens.c.refusals + bindparam("number"))
    .returning(tokens)
)
_WITHDRAW = update(tokens).where(*_OPEN).values(withdrawn_at=bindparam("now")).returning(tokens)

_HANDED_OVER = PreparedAmong(
    select(tokens)
    .where(unindexed(tokens.c.tenant_id) == bindparam("tenant"), tokens.c.certificate.is_(None))
    .order_by(tokens.c.minted_at, tokens.c.id),
    tokens.c.system_auth_id,
)

_ENDED = (
    select(tokens.c.id)
    .where(tokens.c.expires_at < bindparam("before", type_=Moment))
    .order_by(tokens.c.expires_at)
    .limit(bindparam("most"))
)
_REMOVE_ENDED = delete(tokens).where(tokens.c.id.in_(_ENDED))
_ADD = Insert(tokens, OneTimeToken)
_BY_MINTING = attrgetter("minted_at", "id")


class SqlTokens:
    """One-time tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: OneTimeToken) -> None:
        _ADD(self._connection, token, taken=ValueError("the token is recorded already"))

    def find(self, digest: bytes) -> OneTimeToken | None:
        row = _FIND.first(self._connection, digest=digest)
        return None if row is None else OneTimeToken(*row)

    def list(
        self, which: TokenFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[OneTimeToken]:
        order = [tokens.c.minted_at, tokens.c.id]
        found = [
            OneTimeToken(*row)
            for conditions in _conditions(which)
            for row in self._connection.execute(
                page(select(tokens).where(*conditions), order, newest_first=True, after=after, most=most)
            )
        ]
        return sorted(found, key=_BY_MINTING, reverse=True)[:most]

    def last_handed_over(self, tenant_id: str, system_auth_ids: Collection[str]) -> Mapping[str, OneTimeToken]:
        # A system auth's tokens come from one statement, so the newest is the last.
        found = (OneTimeToken(*row) for row in _HANDED_OVER.all(self._connection, system_auth_ids, tenant=tenant_id))
        return {token.system_auth_id: token for token in found}

    def count(self, which: TokenFilter) -> int:
        return sum(
            self._connection.execute(select(func.count()).select_from(tokens).where(*conditions)).scalar_one()
            for conditions in _conditions(which)
        )

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        if _REDEEM.run(self._connection, this=token.id, now=now) == 1:
            return
        row = self._connection.execute(_READ, {"id": token.id}).one_or_none()
        rules.check(None if row is None else OneTimeToken(*row), token.digest, now=now)
        raise TokenSpent  # the rule and the statement disagree: nothing was spent, so nothing is granted

    def count_refusals(self, token: OneTimeToken, number: int = 1) -> OneTimeToken:
        row = _COUNT_REFUSALS.first(self._connection, this=token.id, number=number)
        if row is None:
            raise TokenUnknown
        return OneTimeToken(*row)

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        withdrawn = [
            OneTimeToken(*row)
            for conditions in _conditions(which)
            for row in self._connection.execute(_WITHDRAW.where(*conditions), {"now": now})
        ]
        return sorted(withdrawn, key=_BY_MINTING, reverse=True)

    def remove_ended(self, before: datetime, most: int) -> int:
        return self._connection.execute(_REMOVE_ENDED, {"before": before, "most": most}).rowcount


def _conditions(which: TokenFilter) -> Sequence[Conditions]:
    """The conditions for the tokens that fit; in several parts, apart from one another, where many values are given."""
    given: Conditions = [
        tokens.c[name] == getattr(which, name)
        for name in ("id", "system_auth_id", "owner_id")
        if getattr(which, name) is not None
    ]
    is_narrow = given or which.certificates is not None
    given.append((unindexed(tokens.c.tenant_id) if is_narrow else tokens.c.tenant_id) == which.tenant_id)
    if which.handed_over is not None:
        given.append(tokens.c.certificate.is_(None) if which.handed_over else tokens.c.certificate.is_not(None))
    if which.state is not None:
        given += _state(which)
    if which.certificates is None:
        return [given]
    return [[*given, tokens.c.certificate.in_(some)] for some in chunks(set(which.certificates))]


def _state(which: TokenFilter) -> Conditions:
    spent, withdrawn = tokens.c.spent_at, tokens.c.withdrawn_at
    is_open = [spent.is_(None), withdrawn.is_(None)]
    match which.state:
        case TokenState.SPENT:
            return [spent.is_not(None)]
        case TokenState.WITHDRAWN:
            return [spent.is_(None), withdrawn.is_not(None)]
        case TokenState.EXPIRED:
            return [*is_open, tokens.c.expires_at <= which.now]
        case _:
            return [*is_open, tokens.c.expires_at > which.now]
