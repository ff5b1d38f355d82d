# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The records taken over from another installation, over SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from connector.domain.imports import AdoptedHolder, AdoptedIssuer, Kind, Progress, Taken
from connector.domain.refusals.objects import NotUniqueName
from connector.storage.columns import Moment
from connector.storage.schema import (
    adopted_issuers,
    certificates,
    entities,
    imported_records,
    imported_revocations,
    system_auths,
    tenants,
)
from connector.storage.statements import Insert, Prepared, chunks, page

_KIND = imported_records.c.kind == bindparam("kind", type_=imported_records.c.kind.type)
_TAKEN = select(imported_records.c.id).where(_KIND)
_ALL_TAKEN = select(imported_records).where(_KIND)
_ISSUERS = select(adopted_issuers).order_by(adopted_issuers.c.adopted_at, adopted_issuers.c.fingerprint)
_REVOKED = Prepared(
    select(imported_revocations.c.recorded_at).where(imported_revocations.c.fingerprint == bindparam("fingerprint"))
)
_KNOWN = select(imported_revocations.c.fingerprint)
_ADD_TAKEN = Insert(imported_records, Taken)
_ADOPT = Insert(adopted_issuers, AdoptedIssuer)

_IS_OLD = certificates.c.issuer.in_(select(adopted_issuers.c.fingerprint))
_IS_UNREVOKED = certificates.c.revoked_at.is_(None)
_HOLDERS = (
    select(
        system_auths.c.id,
        system_auths.c.owner_id,
        entities.c.name,
        entities.c.kind,
        tenants.c.external_id,
        func.coalesce(func.max(case((_IS_OLD, 1))), 0).label("is_seen"),
        func.max(case((_IS_OLD & _IS_UNREVOKED, certificates.c.not_after)), type_=Moment).label("old_until"),
        func.max(case((~_IS_OLD & _IS_UNREVOKED, certificates.c.issued_at)), type_=Moment).label("renewed_at"),
    )
    .join(imported_records, imported_records.c.id == system_auths.c.id)
    .join(entities, entities.c.id == system_auths.c.owner_id)
    .join(tenants, tenants.c.id == system_auths.c.tenant_id)
    .outerjoin(certificates, certificates.c.system_auth_id == system_auths.c.id)
    .where(imported_records.c.kind == Kind.SYSTEM_AUTH)
    .group_by(system_auths.c.id, system_auths.c.owner_id, entities.c.name, entities.c.kind, tenants.c.external_id)
)


class SqlImports:
    """Notes of what was taken, adopted CAs, and revocations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, *taken: Taken) -> None:
        known = {kind: self.taken(kind, [each.id for each in taken if each.kind is kind]) for kind in Kind}
        new = [each for each in taken if each.id not in known[each.kind]]
        if new:
            _ADD_TAKEN(self._connection, *new, taken=NotUniqueName())

    def taken(self, kind: Kind, ids: Collection[str]) -> frozenset[str]:
        return frozenset(
            row.id
            for some in chunks(ids)
            for row in self._connection.execute(_TAKEN.where(imported_records.c.id.in_(some)), {"kind": kind})
        )

    def all_taken(self, kind: Kind, *, after: str, most: int) -> Sequence[Taken]:
        statement = page(_ALL_TAKEN, [imported_records.c.id], newest_first=False, after=(after,), most=most)
        return [Taken(*row) for row in self._connection.execute(statement, {"kind": kind})]

    def issuers(self) -> Sequence[AdoptedIssuer]:
        return [AdoptedIssuer(*row) for row in self._connection.execute(_ISSUERS)]

    def adopt(self, issuer: AdoptedIssuer) -> None:
        _ADOPT(self._connection, issuer, taken=NotUniqueName())

    def end(self, fingerprint: bytes, *, now: datetime) -> None:
        one = update(adopted_issuers).where(
            adopted_issuers.c.fingerprint == fingerprint, adopted_issuers.c.ended_at.is_(None)
        )
        self._connection.execute(one.values(ended_at=now))

    def revoke(self, fingerprints: Collection[bytes], *, now: datetime) -> Collection[bytes]:
        known = {
            row.fingerprint
            for some in chunks(fingerprints)
            for row in self._connection.execute(_KNOWN.where(imported_revocations.c.fingerprint.in_(some)))
        }
        new = sorted(set(fingerprints) - known)
        if new:
            rows: list[dict[str, Any]] = [{"fingerprint": each, "recorded_at": now} for each in new]
            self._connection.execute(imported_revocations.insert(), rows)
        return new

    def revoked_at(self, fingerprint: bytes) -> datetime | None:
        row = _REVOKED.first(self._connection, fingerprint=fingerprint)
        return None if row is None else row[0]

    def progress(self, *, now: datetime) -> Progress:
        each = _HOLDERS.subquery()
        renewed = each.c.renewed_at.is_not(None)
        old = ~renewed & each.c.old_until.is_not(None) & (each.c.old_until >= now)
        unseen = ~renewed & (each.c.is_seen == 0)
        counted = select(
            func.count(case((unseen, 1))),
            func.count(case((old, 1))),
            func.count(case((renewed, 1))),
            func.count(),
            func.max(case((old, each.c.old_until)), type_=Moment),
        )
        row = self._connection.execute(counted).one()
        return Progress(row[0], row[1], row[2], row[3] - row[0] - row[1] - row[2], row[4])

    def holders(self, *, after: str, most: int) -> Sequence[AdoptedHolder]:
        renewed_at = _HOLDERS.selected_columns.renewed_at
        statement = _HOLDERS.having(renewed_at.is_(None)).where(system_auths.c.id > after)
        statement = statement.order_by(system_auths.c.id).limit(most)
        return [
            AdoptedHolder(
                row.id,
                row.owner_id,
                row.name,
                row.kind,
                row.external_id,
                bool(row.is_seen),
                row.old_until,
                row.renewed_at,
            )
            for row in self._connection.execute(statement)
        ]
