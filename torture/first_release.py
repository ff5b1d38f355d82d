"""What the first version's tables were asked, statement by statement, as its code did (SQLAlchemy's text, our words).

A server of that version may go on beside newer ones, so that these must work on every later version's tables.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from secrets import token_bytes
from typing import Any
from uuid import uuid4

Execute = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
"""Runs a statement with ``:name`` parameters; the rows."""

REVISION = "0001"
DAY = 86_400_000_000

TOKENS = (
    "id, digest, type, system_auth_id, owner_id, tenant_id, minted_by, minted_at, expires_at, spent_at, withdrawn_at, "
    "refusals, certificate"
)
CERTIFICATE = (
    "serial, fingerprint, issuer, key, system_auth_id, owner_id, owner_kind, tenant_id, not_before, not_after, "
    "issued_at, der, superseded_at, revoked_at, revocation_reason"
)
EVENT = "at, action, actor, tenant_id, owner_id, system_auth_id, token_id, serial, reason"
COLUMNS = {
    "tenants": "id, external_id, name, created_at",
    "entities": "id, tenant_id, kind, name, description, created_at",
    "system_auths": "id, tenant_id, owner_id, owner_kind, created_at",
    "tokens": TOKENS,
    "certificates": CERTIFICATE,
    "audit_events": EVENT,
    "api_keys": "id, name, digest, created_at",
}


def microseconds() -> int:
    """Now, as the tables have it."""
    return int((datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def insert(table: str, **values: Any) -> tuple[str, Mapping[str, Any]]:
    """The statement that adds a row, and its parameters; what is not given is null."""
    names = COLUMNS[table].split(", ")
    row = {name: values.get(name) for name in names}
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})", row  # noqa: S608


@dataclass(slots=True)
class FirstRelease:
    """One life after another, each in the transactions of its caller."""

    tenant: str

    def live(self, execute: Execute) -> str:
        """Register, mint, find, redeem, issue, look up, supersede, revoke: the certificate's serial number."""
        now = microseconds()
        entity, auth, token, serial = str(uuid4()), str(uuid4()), str(uuid4()), token_bytes(19).hex().lstrip("0")
        digest, der = token_bytes(32), token_bytes(650)
        owner = {"owner_id": entity, "tenant_id": self.tenant, "system_auth_id": auth}
        execute(*insert("entities", id=entity, tenant_id=self.tenant, kind="application", name=entity, created_at=now))
        execute(
            *insert(
                "system_auths",
                id=auth,
                tenant_id=self.tenant,
                owner_id=entity,
                owner_kind="application",
                created_at=now,
            )
        )
        execute(
            *insert(
                "tokens",
                id=token,
                digest=digest,
                type="application",
                minted_by="key:first",
                minted_at=now,
                expires_at=now + DAY,
                refusals=0,
                **owner,
            )
        )
        execute(*insert("audit_events", at=now, action="token.minted", actor="key:first", token_id=token, **owner))
        found = execute(f"SELECT {TOKENS} FROM tokens WHERE digest = :digest", {"digest": digest})  # noqa: S608
        assert len(found) == 1
        redeem = (
            "UPDATE tokens SET spent_at = :now WHERE id = :id AND spent_at IS NULL AND withdrawn_at IS NULL "
            "AND expires_at > :now"
        )
        execute(redeem, {"now": now, "id": token})
        fingerprint = sha256(der).digest()
        execute(
            *insert(
                "certificates",
                serial=serial,
                fingerprint=fingerprint,
                issuer=bytes(32),
                key=bytes(32),
                owner_kind="application",
                not_before=now,
                not_after=now + 90 * DAY,
                issued_at=now,
                der=der,
                **owner,
            )
        )
        for action, more in (("token.spent", {}), ("certificate.issued", {"serial": serial})):
            execute(
                *insert("audit_events", at=now, action=action, actor=f"token:{token}", token_id=token, **owner, **more)
            )
        by_fingerprint = f"SELECT {CERTIFICATE} FROM certificates WHERE fingerprint = :fingerprint"  # noqa: S608
        assert len(execute(by_fingerprint, {"fingerprint": fingerprint})) == 1
        execute(
            "UPDATE certificates SET superseded_at = :now WHERE fingerprint = :this AND superseded_at IS NULL",
            {"now": now, "this": fingerprint},
        )
        revoked = execute(
            "UPDATE certificates SET revoked_at = :now, revocation_reason = :reason WHERE revoked_at IS NULL "  # noqa: S608
            f"AND serial = :serial RETURNING {CERTIFICATE}",
            {"now": now, "reason": "unspecified", "serial": serial},
        )
        assert len(revoked) == 1
        execute(
            *insert("audit_events", at=now, action="certificate.revoked", actor="key:first", serial=serial, **owner)
        )
        execute(f"SELECT {COLUMNS['api_keys']} FROM api_keys WHERE digest = :digest", {"digest": digest})  # noqa: S608
        execute(f"SELECT {EVENT} FROM audit_events ORDER BY id DESC LIMIT 10", {})  # noqa: S608
        return serial
