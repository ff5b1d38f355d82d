# ruff: noqa: D102 - what the methods promise stands in connector.ports.subjects
"""Certificates and their owners, as gateways ask about them, over SQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select

from connector.domain.subjects import Owner, Subject
from connector.storage.schema import certificates, entities, imported_revocations, system_auths, tenants
from connector.storage.statements import Prepared, PreparedAmong

_OWNER = [entities.c.id, entities.c.kind, entities.c.name, tenants.c.id, tenants.c.external_id]
# Outer: of a certificate whose owner is gone, the revocation has to be known all the same.
_SUBJECTS = (
    select(
        certificates.c.fingerprint,
        certificates.c.issuer,
        certificates.c.not_after,
        certificates.c.revoked_at,
        certificates.c.system_auth_id,
        *_OWNER,
    )
    .outerjoin(entities, entities.c.id == certificates.c.owner_id)
    .outerjoin(tenants, tenants.c.id == certificates.c.tenant_id)
)

_FIND = PreparedAmong(_SUBJECTS, certificates.c.fingerprint)
_OWNERS = (
    select(system_auths.c.id, *_OWNER)
    .join(entities, entities.c.id == system_auths.c.owner_id)
    .join(tenants, tenants.c.id == system_auths.c.tenant_id)
    .where(system_auths.c.id == bindparam("id"))
)
_FIND_OWNER = Prepared(_OWNERS)
_IS_FINGERPRINT = [
    table.c.fingerprint == bindparam("fingerprint", type_=table.c.fingerprint.type)
    for table in (certificates, imported_revocations)
]
_FIND_OWNER_OF_UNKNOWN = Prepared(_OWNERS.where(*(~exists().where(each) for each in _IS_FINGERPRINT)))


class SqlSubjects:
    """Certificates and their owners."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, fingerprints: Collection[bytes]) -> Mapping[bytes, Subject]:
        return {row[0]: _subject(row) for row in _FIND.all(self._connection, fingerprints)}

    def owner(self, system_auth_id: str) -> Owner | None:
        row = _FIND_OWNER.first(self._connection, id=system_auth_id)
        return None if row is None else Owner(*row)

    def owner_of_unknown(self, fingerprint: bytes, system_auth_id: str) -> Owner | None:
        row = _FIND_OWNER_OF_UNKNOWN.first(self._connection, fingerprint=fingerprint, id=system_auth_id)
        return None if row is None else Owner(*row)


def _subject(row: Sequence[Any]) -> Subject:
    fingerprint, issuer, not_after, revoked_at, system_auth_id, id_, kind, name, tenant_id, tenant = row
    owner = None
    if id_ is not None and tenant is not None:
        owner = Owner(system_auth_id, id_, kind, name, tenant_id, tenant)
    return Subject(bytes(fingerprint), bytes(issuer), not_after, revoked_at, owner)
