"""The records of issuers, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.objects import NotUniqueName


class MemoryIssuers:
    """The issuers."""

    def __init__(self, tables: Tables) -> None:
        self._issuers = tables.issuers

    def add(self, record: IssuerRecord) -> None:
        if record.fingerprint in self._issuers:
            raise NotUniqueName
        self._issuers[record.fingerprint] = record

    def list(self) -> Sequence[IssuerRecord]:
        return sorted(self._issuers.values(), key=lambda each: (each.recorded_at, each.fingerprint))

    def change(self, fingerprint: bytes, state: IssuerState, *, now: datetime) -> None:
        if fingerprint in self._issuers:
            self._issuers[fingerprint] = replace(self._issuers[fingerprint], state=state, changed_at=now)
