# ruff: noqa: D102 - what the methods promise stands in connector.ports.ocsp
"""The statuses of issued certificates, over SQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, select

from connector.domain.ocsp import CertificateStatus
from connector.storage.schema import certificates
from connector.storage.statements import PreparedAmong

_FIND = PreparedAmong(
    select(certificates.c.serial, certificates.c.issuer, certificates.c.revoked_at, certificates.c.revocation_reason),
    certificates.c.serial,
)


class SqlStatuses:
    """The statuses of issued certificates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, serials: Collection[str]) -> Mapping[str, Sequence[CertificateStatus]]:
        found: defaultdict[str, list[CertificateStatus]] = defaultdict(list)
        for serial, issuer, revoked_at, reason in _FIND.all(self._connection, serials):
            found[serial].append(CertificateStatus(bytes(issuer), revoked_at, reason))
        return found
