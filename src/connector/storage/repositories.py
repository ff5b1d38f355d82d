# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The ports over SQL: one class for each, on a connection whose transaction somebody else begins and ends.

Statements are built once, here, so that SQLAlchemy compiles each once; those that every request runs are
:class:`Prepared`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from secrets import token_bytes
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, case, delete, func, select, update

from connector.domain import tokens as token_rules
from connector.domain.audit import Action, Event, Recorded
from connector.domain.certificates import Certificate, Condition, RevocationReason, Standing, TrustAnchor
from connector.domain.overview import CertificateTally
from connector.domain.principals import ApiKey
from connector.domain.refusals.objects import NotUniqueName
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.tokens import TokenSpent, TokenUnknown
from connector.domain.tokens import OneTimeToken
from connector.ports.audit import EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Clock
from connector.storage import counting
from connector.storage.accounts import SqlAdministrators, SqlSessions, SqlSignInLinks
from connector.storage.catalogue import SqlCatalogue
from connector.storage.clients import SqlClients
from connector.storage.columns import Moment
from connector.storage.crls import SqlCRLs
from connector.storage.directories import SqlDirectory, SqlTenants
from connector.storage.filters import certificate_conditions, token_conditions
from connector.storage.formations import SqlFormations
from connector.storage.imports import SqlImports
from connector.storage.issuers import SqlIssuers
from connector.storage.moments import make_id, now
from connector.storage.ocsp import SqlStatuses
from connector.storage.quotas import SqlUsage
from connector.storage.schema import api_keys, audit_events, certificates, probes, tokens, trust_anchors
from connector.storage.statements import Insert, Prepared, beside, chunks, page
from connector.storage.subjects import SqlSubjects

_OPEN = (tokens.c.spent_at.is_(None), tokens.c.withdrawn_at.is_(None))
_MINTED = (*_OPEN, tokens.c.expires_at > bindparam("now", type_=Moment))
_FIND_TOKEN = Prepared(select(tokens).where(tokens.c.digest == bindparam("digest")))
_READ_TOKEN = select(tokens).where(tokens.c.id == bindparam("id"))
_REDEEM = Prepared(update(tokens).where(tokens.c.id == bindparam("this"), *_MINTED).values(spent_at=bindparam("now")))
_COUNT_REFUSALS = Prepared(
    update(tokens)
    .where(tokens.c.id == bindparam("this"))
    .values(refusals=tokens.c.refusals + bindparam("number"))
    .returning(tokens)
)
_WITHDRAW = update(tokens).where(*_OPEN).values(withdrawn_at=bindparam("now")).returning(tokens)

_ENDED = (
    select(tokens.c.id)
    .where(tokens.c.expires_at < bindparam("before", type_=Moment))
    .order_by(tokens.c.expires_at)
    .limit(bindparam("most"))
)
_REMOVE_ENDED = delete(tokens).where(tokens.c.id.in_(_ENDED))

_FIND_CERTIFICATE = Prepared(select(certificates).where(certificates.c.fingerprint == bindparam("fingerprint")))
_NEWEST_FIRST = (certificates.c.issued_at.desc(), certificates.c.fingerprint.desc())
_OF_SERIAL = select(certificates).where(certificates.c.serial == bindparam("serial")).order_by(*_NEWEST_FIRST)
_OF_STEP = Prepared(select(certificates).where(certificates.c.step == bindparam("step")))
_IS_GOOD = certificates.c.revoked_at.is_(None) & (certificates.c.not_after >= bindparam("now", type_=Moment))
_STANDINGS = (
    select(
        certificates.c.owner_id,
        func.max(case((_IS_GOOD, certificates.c.issued_at))).label("good_since"),
        func.max(func.coalesce(certificates.c.revoked_at, certificates.c.not_after)).label("ended"),
    )
    .where(beside(certificates.c.tenant_id) == bindparam("tenant"))
    .group_by(certificates.c.owner_id)
)
_CERTIFIED = (
    select(certificates.c.system_auth_id).distinct().where(beside(certificates.c.tenant_id) == bindparam("tenant"))
)
_SUPERSEDE = Prepared(
    update(certificates)
    .where(certificates.c.fingerprint == bindparam("this"), certificates.c.superseded_at.is_(None))
    .values(superseded_at=bindparam("now"))
)
_ASK_RENEWAL = (
    update(certificates)
    .where(certificates.c.renewal_asked_at.is_(None))
    .values(renewal_asked_at=bindparam("now"))
    .returning(certificates)
)
_REVOKE = (
    update(certificates)
    .where(certificates.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"), revocation_reason=bindparam("reason"))
    .returning(certificates)
)

_FIND_KEY = Prepared(select(api_keys).where(api_keys.c.digest == bindparam("digest")))
_ANY_KEY = select(api_keys.c.id).limit(1)

_REVOKE_KEY = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("this"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)

_ANCHORS = select(trust_anchors).order_by(trust_anchors.c.fingerprint)

_TAKE_IF_FREE = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
_PROBE = update(probes).where(probes.c.id == 1).values(count=probes.c.count + 1)


_BY_MINTING = attrgetter("minted_at", "id")

_ADD_TOKEN = Insert(tokens, OneTimeToken)
_ADD_CERTIFICATE = Insert(certificates, Certificate)
_ADD_EVENT = Insert(audit_events, Event)
_ADD_KEY = Insert(api_keys, ApiKey)
_ADD_ANCHOR = Insert(trust_anchors, TrustAnchor)


class SqlTokens:
    """One-time tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: OneTimeToken) -> None:
        _ADD_TOKEN(self._connection, token, taken=ValueError("the token is recorded already"))

    def find(self, digest: bytes) -> OneTimeToken | None:
        row = _FIND_TOKEN.first(self._connection, digest=digest)
        return None if row is None else OneTimeToken(*row)

    def list(
        self, which: TokenFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[OneTimeToken]:
        order = [tokens.c.minted_at, tokens.c.id]
        found = [
            OneTimeToken(*row)
            for conditions in token_conditions(which)
            for row in self._connection.execute(
                page(select(tokens).where(*conditions), order, newest_first=True, after=after, most=most)
            )
        ]
        return sorted(found, key=_BY_MINTING, reverse=True)[:most]

    def count(self, which: TokenFilter) -> int:
        return sum(
            self._connection.execute(select(func.count()).select_from(tokens).where(*conditions)).scalar_one()
            for conditions in token_conditions(which)
        )

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        if _REDEEM.run(self._connection, this=token.id, now=now) == 1:
            return
        row = self._connection.execute(_READ_TOKEN, {"id": token.id}).one_or_none()
        token_rules.check(None if row is None else OneTimeToken(*row), token.digest, now=now)
        raise TokenSpent  # the rule and the statement disagree: nothing was spent, so nothing is granted

    def count_refusals(self, token: OneTimeToken, number: int = 1) -> OneTimeToken:
        row = _COUNT_REFUSALS.first(self._connection, this=token.id, number=number)
        if row is None:
            raise TokenUnknown
        return OneTimeToken(*row)

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        withdrawn = [
            OneTimeToken(*row)
            for conditions in token_conditions(which)
            for row in self._connection.execute(_WITHDRAW.where(*conditions), {"now": now})
        ]
        return sorted(withdrawn, key=_BY_MINTING, reverse=True)

    def remove_ended(self, before: datetime, most: int) -> int:
        return self._connection.execute(_REMOVE_ENDED, {"before": before, "most": most}).rowcount


class SqlInventory:
    """Issued certificates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, certificate: Certificate) -> None:
        # With a step, it is the step that is taken: two of 2^128 serial numbers are not alike.
        taken = ValueError("the certificate is recorded already") if certificate.step is None else StepTaken()
        _ADD_CERTIFICATE(self._connection, certificate, taken=taken)

    def find(self, fingerprint: bytes) -> Certificate | None:
        row = _FIND_CERTIFICATE.first(self._connection, fingerprint=fingerprint)
        return None if row is None else Certificate(*row)

    def of_step(self, step: bytes) -> Certificate | None:
        row = _OF_STEP.first(self._connection, step=step)
        return None if row is None else Certificate(*row)

    def of_serial(self, serial: str) -> Sequence[Certificate]:
        return [Certificate(*row) for row in self._connection.execute(_OF_SERIAL, {"serial": serial})]

    def list(
        self, which: CertificateFilter, *, after: tuple[datetime, bytes] | None = None, most: int | None = None
    ) -> Sequence[Certificate]:
        order = [certificates.c.issued_at, certificates.c.fingerprint]
        statement = select(certificates).where(*certificate_conditions(which))
        statement = page(statement, order, newest_first=True, after=after, most=most)
        return [Certificate(*row) for row in self._connection.execute(statement)]

    def count(self, which: CertificateFilter) -> int:
        statement = select(func.count()).select_from(certificates).where(*certificate_conditions(which))
        return self._connection.execute(statement).scalar_one()

    def standings(self, tenant_id: str, owner_ids: Collection[str], *, now: datetime) -> Mapping[str, Standing]:
        return {
            row.owner_id: Standing(Condition.FAILED, row.ended)
            if row.good_since is None
            else Standing(Condition.CONNECTED, row.good_since)
            for some in chunks(owner_ids)
            for row in self._connection.execute(
                _STANDINGS.where(certificates.c.owner_id.in_(some)), {"tenant": tenant_id, "now": now}
            )
        }

    def tally(self, tenant_id: str, *, now: datetime, soon: datetime) -> CertificateTally:
        return counting.tally(self._connection, tenant_id, now=now, soon=soon)

    def expiring_by_day(self, tenant_id: str, *, since: datetime, days: int) -> Mapping[int, int]:
        return counting.expiring_by_day(self._connection, tenant_id, since=since, days=days)

    def certified(self, tenant_id: str, system_auth_ids: Collection[str]) -> frozenset[str]:
        return frozenset(
            row.system_auth_id
            for some in chunks(system_auth_ids)
            for row in self._connection.execute(
                _CERTIFIED.where(certificates.c.system_auth_id.in_(some)), {"tenant": tenant_id}
            )
        )

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        _SUPERSEDE.run(self._connection, this=certificate.fingerprint, now=now)

    def ask_renewal(self, which: CertificateFilter, *, now: datetime) -> Sequence[Certificate]:
        rows = self._connection.execute(_ASK_RENEWAL.where(*certificate_conditions(which)), {"now": now})
        return sorted((Certificate(*row) for row in rows), key=attrgetter("issued_at", "fingerprint"), reverse=True)

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        statement = _REVOKE.where(*certificate_conditions(which))
        rows = self._connection.execute(statement, {"now": now, "reason": reason})
        return sorted((Certificate(*row) for row in rows), key=attrgetter("issued_at", "fingerprint"), reverse=True)


class SqlAudit:
    """The events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, *events: Event) -> None:
        _ADD_EVENT(self._connection, *events, taken=ValueError("the event cannot be recorded"))

    def page(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        return counting.events(self._connection, which, after=after, most=most)

    def later(self, tenant_id: str, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
        return counting.later(self._connection, tenant_id, owner_id, number=number, most=most)

    def daily(self, tenant_id: str, *, since: datetime) -> Mapping[tuple[int, Action], int]:
        return counting.daily(self._connection, tenant_id, since=since)


class SqlApiKeys:
    """API keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey) -> None:
        _ADD_KEY(self._connection, key, taken=NotUniqueName())

    def find(self, digest: bytes) -> ApiKey | None:
        row = _FIND_KEY.first(self._connection, digest=digest)
        return None if row is None else ApiKey(*row)

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        after: tuple[datetime, str] | None = None,
        most: int | None = None,
    ) -> Sequence[ApiKey]:
        order = [api_keys.c.created_at, api_keys.c.id]
        statement = page(_keys_within(within), order, newest_first=True, after=after, most=most)
        return [ApiKey(*row) for row in self._connection.execute(statement)]

    def count(self, *, within: frozenset[str] | None = None) -> int:
        return self._connection.execute(select(func.count()).select_from(_keys_within(within).subquery())).scalar_one()

    def revoke(self, id: str, *, within: frozenset[str] | None, now: datetime) -> ApiKey | None:
        statement = _REVOKE_KEY if within is None else _REVOKE_KEY.where(api_keys.c.tenant.in_(sorted(within)))
        self._connection.execute(statement, {"this": id, "now": now})
        row = self._connection.execute(_keys_within(within).where(api_keys.c.id == id)).one_or_none()
        return None if row is None else ApiKey(*row)

    def any(self) -> bool:
        return self._connection.execute(_ANY_KEY).first() is not None


class SqlTrustAnchors:
    """The roots under which certificates are issued."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, anchor: TrustAnchor) -> None:
        _ADD_ANCHOR(self._connection, anchor, taken=NotUniqueName())

    def list(self) -> Sequence[TrustAnchor]:
        return [TrustAnchor(*row) for row in self._connection.execute(_ANCHORS)]


class SqlTransaction:
    """All that one transaction can read and write. Whoever runs several functions over it renews it for each."""

    random = staticmethod(token_bytes)
    new_id = staticmethod(make_id)

    def __init__(self, connection: Connection, clock: Clock = now) -> None:
        self._clock = clock
        self.now = clock()
        self.tenants = SqlTenants(connection)
        self.tokens = SqlTokens(connection)
        self.inventory = SqlInventory(connection)
        self.subjects = SqlSubjects(connection)
        self.audit = SqlAudit(connection)
        self.keys = SqlApiKeys(connection)
        self.clients = SqlClients(connection)
        self.anchors = SqlTrustAnchors(connection)
        self.issuers = SqlIssuers(connection)
        self.crls = SqlCRLs(connection)
        self.statuses = SqlStatuses(connection)
        self.imports = SqlImports(connection)
        self.administrators = SqlAdministrators(connection)
        self.links = SqlSignInLinks(connection)
        self.sessions = SqlSessions(connection)
        self.usage = SqlUsage(connection)
        self._connection = connection

    def renew(self) -> None:
        """Begin a new moment."""
        self.now = self._clock()

    def directory(self, tenant_id: str) -> SqlDirectory:
        return SqlDirectory(self._connection, tenant_id)

    def formations(self, tenant_id: str) -> SqlFormations:
        return SqlFormations(self._connection, tenant_id)

    def catalogue(self, tenant_id: str) -> SqlCatalogue:
        return SqlCatalogue(self._connection, tenant_id)

    def probe(self) -> None:
        """Write something that means nothing."""
        self._connection.execute(_PROBE)

    def is_sole(self, lock: int) -> bool:
        """Take PostgreSQL's advisory lock of that number until the transaction ends; whether it was free."""
        return bool(self._connection.execute(_TAKE_IF_FREE, {"lock": lock}).scalar_one())


def _keys_within(external_ids: frozenset[str] | None) -> Select[Any]:
    statement = select(api_keys)
    return statement if external_ids is None else statement.where(api_keys.c.tenant.in_(sorted(external_ids)))
