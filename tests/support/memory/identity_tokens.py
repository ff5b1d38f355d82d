"""The public keys of identity tokens, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.identity_tokens import TokenKey


@dataclass(slots=True)
class MemoryTokenKeys:
    """The public keys."""

    tables: Tables

    def list(self) -> Sequence[TokenKey]:
        return sorted(self.tables.token_keys.values(), key=lambda key: (key.published_at, key.id))

    def add(self, key: TokenKey) -> None:
        self.tables.token_keys.setdefault(key.id, key)

    def remove(self, key_id: str, *, now: datetime) -> bool:
        key = self.tables.token_keys.get(key_id)
        if key is None or key.removed_at is not None:
            return False
        self.tables.token_keys[key_id] = replace(key, removed_at=now)
        return True

    def forget(self, before: datetime) -> int:
        kept = {
            id_: key
            for id_, key in self.tables.token_keys.items()
            if key.published_at >= before or key.removed_at is not None
        }
        gone = len(self.tables.token_keys) - len(kept)
        self.tables.token_keys = kept
        return gone
