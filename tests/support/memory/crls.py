"""CRLs, in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.crls import CRLRecord, Entries, Place, Revocation
from connector.pki.crl import entries


class MemoryCRLs:
    """The CRLs."""

    def __init__(self, tables: Tables) -> None:
        self._crls = tables.crls
        self._certificates = tables.certificates

    def list(self) -> Sequence[CRLRecord]:
        return [record for _, (record, _, _) in sorted(self._crls.items()) if record.number > 0]

    def octets(self, scope: bytes, number: int) -> bytes | None:
        record, _, octets = self._crls.get(scope, (None, None, None))
        return octets if record is not None and record.number == number else None

    def claim(self, record: CRLRecord, *, now: datetime, before: datetime) -> bool:
        if record.number == 0:
            self._crls.setdefault(record.scope, (record, None, None))
        current, claimed_at, octets = self._crls[record.scope]
        if current.number != record.number or not (claimed_at is None or claimed_at < before or claimed_at > now):
            return False
        self._crls[record.scope] = (current, now, octets)
        return True

    def publish(self, record: CRLRecord, octets: bytes, *, after: int) -> bool:
        current, _, _ = self._crls[record.scope]
        if current.number != after:
            return False
        self._crls[record.scope] = (record, None, octets)
        return True

    def count(self, issuers: Collection[bytes], *, since: datetime) -> int:
        return sum(len(self._revocations(issuer, since)) for issuer in issuers)

    def entries(self, issuer: bytes, *, since: datetime, until: datetime, after: Place | None, most: int) -> Entries:
        found = [each for each in self._revocations(issuer, since) if after is None or each[:2] > after][:most]
        last = (found[-1].not_after, found[-1].serial) if len(found) == most else None
        return Entries(entries(found, until=until), len(found), last)

    def _revocations(self, issuer: bytes, since: datetime) -> Sequence[Revocation]:
        return sorted(
            Revocation(each.not_after, each.serial, each.revoked_at, each.revocation_reason)
            for each in self._certificates.values()
            if each.issuer == issuer and each.revoked_at is not None and each.not_after >= since
        )
