"""How much there is of what quotas limit, in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.directory import EntityKind
from connector.domain.tokens import TokenState
from connector.ports.quotas import Certified


class MemoryUsage:
    """Counts of what there is."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def issued(self, system_auth_id: str, *, since: datetime, most: int) -> Sequence[datetime]:
        mine = (each for each in self._tables.certificates.values() if each.system_auth_id == system_auth_id)
        return sorted((each.issued_at for each in mine if each.issued_at > since), reverse=True)[:most]

    def good(self, system_auth_id: str, *, now: datetime, most: int) -> Sequence[datetime]:
        mine = (each for each in self._tables.certificates.values() if each.system_auth_id == system_auth_id)
        ends = (each.not_after for each in mine if each.not_after >= now and each.revoked_at is None)
        return sorted(ends, reverse=True)[:most]

    def minted(self, system_auth_id: str, *, since: datetime, most: int) -> Sequence[datetime]:
        mine = (each for each in self._tables.tokens.values() if each.system_auth_id == system_auth_id)
        return sorted((each.minted_at for each in mine if each.minted_at > since), reverse=True)[:most]

    def entities(self, tenant_id: str, kind: EntityKind, *, most: int) -> int:
        found = [each for each in self._tables.entities.values() if (each.tenant_id, each.kind) == (tenant_id, kind)]
        return min(len(found), most)

    def certificates(self, tenant_id: str, *, now: datetime, most: int) -> int:
        mine = (each for each in self._tables.certificates.values() if each.tenant_id == tenant_id)
        return min(sum(each.not_after >= now and each.revoked_at is None for each in mine), most)

    def tokens(self, tenant_id: str, *, now: datetime, most: int) -> int:
        mine = (each for each in self._tables.tokens.values() if each.tenant_id == tenant_id)
        return min(sum(each.state(now=now) is TokenState.MINTED for each in mine), most)

    def unexpired_tokens(self, *, now: datetime, most: int) -> int:
        return min(sum(each.expires_at > now for each in self._tables.tokens.values()), most)

    def certified(self, tenant_id: str, owner_id: str, *, since: datetime, now: datetime) -> Mapping[str, Certified]:
        mine = [
            each
            for each in self._tables.certificates.values()
            if (each.tenant_id, each.owner_id) == (tenant_id, owner_id) and each.not_after >= since
        ]
        return {
            auth: Certified(
                issued=sum(each.issued_at > since for each in mine if each.system_auth_id == auth),
                good=sum(
                    each.not_after >= now and each.revoked_at is None for each in mine if each.system_auth_id == auth
                ),
            )
            for auth in {each.system_auth_id for each in mine}
        }
