"""What the first start makes in the data directory, and every later one finds there."""

from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

from connector import access, keystore, principals
from connector.audit import Action, Event
from connector.bootstrap.objects import now
from connector.keystore import CAPlan, KeystoreError
from connector.pki.issuer import Issuer
from connector.ports import Store, Transaction
from connector.principals import Caller, Role
from connector.settings import Settings

DEFAULT_TENANT = "default"
DATABASE = "connector.db"
ADDRESSES = "addresses.json"
ADMIN_KEY = "admin.key"

SYSTEM = Caller("system", "system", Role.ADMINISTRATOR, None)


def open_issuer(settings: Settings) -> Issuer:
    """The issuer of this data directory, made at the first start.

    Raises:
        KeystoreError: it cannot be made, or what is there cannot be used.
    """
    if (settings.data_dir / DATABASE).exists() and not (settings.data_dir / "ca").exists():
        raise KeystoreError(
            f"{settings.data_dir / 'ca'} is gone, while there is a database. Put it back from the backup: with "
            "a new CA, every certificate that was issued would be worth nothing."
        )
    passphrase = settings.ca.passphrase.get_secret_value().encode() if settings.ca.passphrase else None
    if settings.ca.passphrase_file is not None:
        passphrase = keystore.read_passphrase(settings.ca.passphrase_file)
    plan = CAPlan(settings.ca.key, settings.ca.root_validity, settings.ca.issuing_validity)
    return keystore.open_or_create(
        settings.data_dir / "ca", plan=plan, passphrase=passphrase, now=now(), random=token_bytes
    )


async def first_start(store: Store, directory: Path) -> None:
    """Make the tenant and the administrator's key, unless there is a key already.

    The key's file is written before its digest is committed: a start that is killed in between leaves a key that is
    good for nothing, and the next start makes another.
    """
    if await store.read(lambda tx: tx.keys.any()):
        return
    text, key = principals.make_key(
        token_bytes(principals.KEY_OCTETS),
        id=uuid4(),
        name="first",
        role=Role.ADMINISTRATOR,
        tenant=None,
        created_by=SYSTEM.actor,
        lifetime=None,
        now=now(),
    )
    keystore.write_secret(directory / ADMIN_KEY, text)

    def make(tx: Transaction) -> None:
        access.create_tenant(tx, SYSTEM, DEFAULT_TENANT, "Default tenant", make_id=uuid4, now=key.created_at)
        tx.keys.add(key)
        tx.audit.append(Event(at=key.created_at, action=Action.KEY_CREATED, actor=SYSTEM.actor, reason=key.name))

    await store.transaction(make)
