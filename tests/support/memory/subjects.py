"""Certificates and their owners in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tests.support.memory.directory import Tables

from connector.domain.certificates import Certificate
from connector.domain.subjects import Owner, Subject


@dataclass(slots=True)
class MemorySubjects:
    """Certificates and their owners."""

    tables: Tables

    def find(self, fingerprints: Collection[bytes]) -> Mapping[bytes, Subject]:
        found = (self.tables.certificates.get(each) for each in fingerprints)
        return {each.fingerprint: self._subject(each) for each in found if each is not None}

    def owner(self, system_auth_id: str) -> Owner | None:
        auth = self.tables.system_auths.get(system_auth_id)
        return None if auth is None else self._owner(auth.id, auth.owner_id, auth.tenant_id)

    def owner_of_unknown(self, fingerprint: bytes, system_auth_id: str) -> Owner | None:
        is_known = fingerprint in self.tables.certificates or fingerprint in self.tables.revocations
        return None if is_known else self.owner(system_auth_id)

    def _subject(self, certificate: Certificate) -> Subject:
        owner = self._owner(certificate.system_auth_id, certificate.owner_id, certificate.tenant_id)
        return Subject(
            certificate.fingerprint, certificate.issuer, certificate.not_after, certificate.revoked_at, owner
        )

    def _owner(self, system_auth_id: str, owner_id: str, tenant_id: str) -> Owner | None:
        entity, tenant = self.tables.entities.get(owner_id), self.tables.tenants.get(tenant_id)
        if entity is None or tenant is None:
            return None
        return Owner(system_auth_id, entity.id, entity.kind, entity.name, tenant.id, tenant.external_id)
