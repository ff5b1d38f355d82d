"""The statuses of issued certificates, in memory."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tests.support.memory.directory import Tables

from connector.domain.ocsp import CertificateStatus


@dataclass(slots=True)
class MemoryStatuses:
    """The statuses of issued certificates."""

    tables: Tables

    def find(self, serials: Collection[str]) -> Mapping[str, Sequence[CertificateStatus]]:
        found: defaultdict[str, list[CertificateStatus]] = defaultdict(list)
        for each in self.tables.certificates.values():
            if each.serial in serials:
                found[each.serial].append(CertificateStatus(each.issuer, each.revoked_at, each.revocation_reason))
        return found
