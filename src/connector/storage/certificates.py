# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""Issued certificates, and the roots under which they are issued, over SQL."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, Text, and_, bindparam, case, column, false, func, or_, select, update

from connector.domain.certificates import (
    Certificate,
    CertificateState,
    Condition,
    RevocationReason,
    Standing,
    TrustAnchor,
)
from connector.domain.overview import CertificateTally
from connector.domain.refusals.objects import NotUniqueName
from connector.domain.refusals.steps import StepTaken
from connector.ports.certificates import CertificateFilter
from connector.storage.columns import Moment
from connector.storage.schema import certificates, entities, trust_anchors
from connector.storage.statements import DAY, Insert, Prepared, PreparedAmong, page, unindexed, whole_days

_HEXADECIMAL = re.compile(r"[0-9a-f]{1,64}")
_FINGERPRINT_OCTETS = 32

Conditions = list[ColumnElement[bool]]

_FIND = Prepared(select(certificates).where(certificates.c.fingerprint == bindparam("fingerprint")))
_NEWEST_FIRST = (certificates.c.issued_at.desc(), certificates.c.fingerprint.desc())
_OF_SERIAL = select(certificates).where(certificates.c.serial == bindparam("serial")).order_by(*_NEWEST_FIRST)
_OF_STEP = Prepared(select(certificates).where(certificates.c.step == bindparam("step")))
_IS_GOOD = certificates.c.revoked_at.is_(None) & (certificates.c.not_after >= bindparam("now", type_=Moment))
_STANDINGS = PreparedAmong(
    select(
        certificates.c.owner_id,
        func.max(case((_IS_GOOD, certificates.c.issued_at))).label("good_since"),
        func.max(func.coalesce(certificates.c.revoked_at, certificates.c.not_after)).label("ended"),
    )
    .where(unindexed(certificates.c.tenant_id) == bindparam("tenant"))
    .group_by(certificates.c.owner_id),
    certificates.c.owner_id,
)
_CERTIFIED = PreparedAmong(
    select(certificates.c.system_auth_id).distinct().where(unindexed(certificates.c.tenant_id) == bindparam("tenant")),
    certificates.c.system_auth_id,
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
_ANCHORS = select(trust_anchors).order_by(trust_anchors.c.fingerprint)

_ADD = Insert(certificates, Certificate)
_ADD_ANCHOR = Insert(trust_anchors, TrustAnchor)
_BY_ISSUANCE = attrgetter("issued_at", "fingerprint")


class SqlInventory:
    """Issued certificates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, certificate: Certificate) -> None:
        # With a step, it is the step that is taken: two of 2^128 serial numbers are not alike.
        taken = ValueError("the certificate is recorded already") if certificate.step is None else StepTaken()
        _ADD(self._connection, certificate, taken=taken)

    def find(self, fingerprint: bytes) -> Certificate | None:
        row = _FIND.first(self._connection, fingerprint=fingerprint)
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
        statement = select(certificates).where(*_conditions(which))
        statement = page(statement, order, newest_first=True, after=after, most=most)
        return [Certificate(*row) for row in self._connection.execute(statement)]

    def count(self, which: CertificateFilter) -> int:
        statement = select(func.count()).select_from(certificates).where(*_conditions(which))
        return self._connection.execute(statement).scalar_one()

    def standings(self, tenant_id: str, owner_ids: Collection[str], *, now: datetime) -> Mapping[str, Standing]:
        return {
            owner_id: Standing(Condition.FAILED, ended)
            if good_since is None
            else Standing(Condition.CONNECTED, good_since)
            for owner_id, good_since, ended in _STANDINGS.all(self._connection, owner_ids, tenant=tenant_id, now=now)
        }

    def tally(self, tenant_id: str, *, now: datetime, soon: datetime) -> CertificateTally:
        revoked, superseded, ends = certificates.c.revoked_at, certificates.c.superseded_at, certificates.c.not_after
        is_good = revoked.is_(None) & (ends >= now)
        is_issued = is_good & superseded.is_(None)
        counted = select(
            *(
                func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
                for condition in (
                    is_issued,
                    is_issued & (ends <= soon),
                    is_good & superseded.is_not(None),
                    revoked.is_(None) & (ends < now),
                    revoked.is_not(None),
                )
            )
        ).where(certificates.c.tenant_id == tenant_id)
        return CertificateTally(*(int(each) for each in self._connection.execute(counted).one()))

    def expiring_by_day(self, tenant_id: str, *, since: datetime, days: int) -> Mapping[int, int]:
        number = whole_days(certificates.c.not_after, since)
        counted = (
            select(number.label("day"), func.count())
            .where(
                certificates.c.tenant_id == tenant_id,
                certificates.c.not_after >= since,
                certificates.c.not_after < since + days * DAY,
                certificates.c.revoked_at.is_(None),
                certificates.c.superseded_at.is_(None),
            )
            .group_by(column("day"))
        )
        return {int(row[0]): int(row[1]) for row in self._connection.execute(counted)}

    def certified(self, tenant_id: str, system_auth_ids: Collection[str]) -> frozenset[str]:
        return frozenset(id_ for (id_,) in _CERTIFIED.all(self._connection, system_auth_ids, tenant=tenant_id))

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        _SUPERSEDE.run(self._connection, this=certificate.fingerprint, now=now)

    def ask_renewal(self, which: CertificateFilter, *, now: datetime) -> Sequence[Certificate]:
        rows = self._connection.execute(_ASK_RENEWAL.where(*_conditions(which)), {"now": now})
        return sorted((Certificate(*row) for row in rows), key=_BY_ISSUANCE, reverse=True)

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        statement = _REVOKE.where(*_conditions(which))
        rows = self._connection.execute(statement, {"now": now, "reason": reason})
        return sorted((Certificate(*row) for row in rows), key=_BY_ISSUANCE, reverse=True)


class SqlTrustAnchors:
    """The roots under which certificates are issued."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, anchor: TrustAnchor) -> None:
        _ADD_ANCHOR(self._connection, anchor, taken=NotUniqueName())

    def list(self) -> Sequence[TrustAnchor]:
        return [TrustAnchor(*row) for row in self._connection.execute(_ANCHORS)]


def _conditions(which: CertificateFilter) -> Conditions:
    """The conditions for the certificates that fit."""
    given: Conditions = [
        certificates.c[name] == getattr(which, name)
        for name in ("serial", "fingerprint", "system_auth_id", "owner_id")
        if getattr(which, name) is not None
    ]
    given.append((unindexed(certificates.c.tenant_id) if given else certificates.c.tenant_id) == which.tenant_id)
    if which.issuer is not None:  # not first: a tenant has fewer than an issuer
        given.append(certificates.c.issuer == which.issuer)
    if which.expires_from is not None:
        given.append(certificates.c.not_after >= which.expires_from)
    if which.expires_to is not None:
        given.append(certificates.c.not_after <= which.expires_to)
    if which.lapsed is not None:
        given.append(certificates.c.lapsed_at.is_not(None) if which.lapsed else certificates.c.lapsed_at.is_(None))
    if which.state is not None:
        given += _state(which)
    if which.text is not None:
        given.append(_text(which))
    return given


def _state(which: CertificateFilter) -> Conditions:
    revoked, superseded = certificates.c.revoked_at, certificates.c.superseded_at
    match which.state:
        case CertificateState.REVOKED:
            return [revoked.is_not(None)]
        case CertificateState.EXPIRED:
            return [revoked.is_(None), certificates.c.not_after < which.now]
        case CertificateState.SUPERSEDED:
            return [revoked.is_(None), certificates.c.not_after >= which.now, superseded.is_not(None)]
        case _:
            return [revoked.is_(None), certificates.c.not_after >= which.now, superseded.is_(None)]


def _text(which: CertificateFilter) -> ColumnElement[bool]:
    text = which.text or ""
    either: Conditions = []
    if text.isprintable():  # as every name and id is; SQLite's LIKE ends at a NUL, and PostgreSQL takes none
        folded = func.connector_folded(entities.c.name, type_=Text)
        owners = select(entities.c.id).where(
            entities.c.tenant_id == which.tenant_id, folded.contains(text.lower(), autoescape=True)
        )
        either += [certificates.c.system_auth_id == text, certificates.c.owner_id.in_(owners)]
    if _HEXADECIMAL.fullmatch(text):
        either.append(certificates.c.serial.startswith(text))
        # A half octet counts as any with that beginning.
        first, last = (bytes.fromhex(text.ljust(2 * _FINGERPRINT_OCTETS, end)) for end in "0f")
        either.append(and_(certificates.c.fingerprint >= first, certificates.c.fingerprint <= last))
    return or_(false(), *either)
