"""What was taken over from another installation, in memory."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.imports import AdoptedHolder, AdoptedIssuer, HolderState, Kind, Progress, Taken
from connector.domain.refusals.objects import NotUniqueName


@dataclass(slots=True)
class MemoryImports:
    """Notes of what was taken, adopted CAs, and revocations."""

    tables: Tables

    def note(self, *taken: Taken) -> None:
        for each in taken:
            self.tables.taken.setdefault((each.kind, each.id), each)

    def taken(self, kind: Kind, ids: Collection[str]) -> frozenset[str]:
        return frozenset(each for each in ids if (kind, each) in self.tables.taken)

    def all_taken(self, kind: Kind, *, after: str, most: int) -> Sequence[Taken]:
        found = [each for each in self.tables.taken.values() if each.kind is kind and each.id > after]
        return sorted(found, key=lambda each: each.id)[:most]

    def issuers(self) -> Sequence[AdoptedIssuer]:
        return sorted(self.tables.adopted.values(), key=lambda each: (each.adopted_at, each.fingerprint))

    def adopt(self, issuer: AdoptedIssuer) -> None:
        if issuer.fingerprint in self.tables.adopted:
            raise NotUniqueName
        self.tables.adopted[issuer.fingerprint] = issuer

    def end(self, fingerprint: bytes, *, now: datetime) -> None:
        found = self.tables.adopted.get(fingerprint)
        if found is not None and found.ended_at is None:
            self.tables.adopted[fingerprint] = replace(found, ended_at=now)

    def revoke(self, fingerprints: Collection[bytes], *, now: datetime) -> Collection[bytes]:
        new = sorted(set(fingerprints) - set(self.tables.revocations))
        self.tables.revocations.update(dict.fromkeys(new, now))
        return new

    def revoked_at(self, fingerprint: bytes) -> datetime | None:
        return self.tables.revocations.get(fingerprint)

    def progress(self, *, now: datetime) -> Progress:
        found = list(self._holders())
        states = [each.state(now=now) for each in found]
        return Progress(
            states.count(HolderState.UNSEEN),
            states.count(HolderState.ON_THE_OLD_CA),
            states.count(HolderState.RENEWED),
            states.count(HolderState.ENDED),
            max(
                (
                    each.old_until
                    for each, state in zip(found, states, strict=True)
                    if state is HolderState.ON_THE_OLD_CA and each.old_until is not None
                ),
                default=None,
            ),
        )

    def holders(self, *, after: str, most: int) -> Sequence[AdoptedHolder]:
        found = [each for each in self._holders() if each.renewed_at is None and each.id > after]
        return sorted(found, key=lambda each: each.id)[:most]

    def _holders(self) -> Iterator[AdoptedHolder]:
        for auth in self.tables.system_auths.values():
            if (Kind.SYSTEM_AUTH, auth.id) not in self.tables.taken:
                continue
            owner, tenant = self.tables.entities[auth.owner_id], self.tables.tenants[auth.tenant_id]
            mine = [each for each in self.tables.certificates.values() if each.system_auth_id == auth.id]
            old = [each for each in mine if each.issuer in self.tables.adopted]
            yield AdoptedHolder(
                auth.id,
                owner.id,
                owner.name,
                owner.kind,
                tenant.external_id,
                bool(old),
                max((each.not_after for each in old if each.revoked_at is None), default=None),
                max((each.issued_at for each in mine if each not in old and each.revoked_at is None), default=None),
            )
