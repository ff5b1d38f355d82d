"""The start: the first one makes the files of the data directory, and every later one finds them there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_bytes

from connector.bootstrap.secrets import passphrase
from connector.domain import principals
from connector.domain.certificates import TrustAnchor
from connector.domain.origins import Origin
from connector.domain.principals import Role
from connector.domain.refusals.issuers import SignerUnavailable
from connector.domain.secrets import Secret
from connector.pki.issuer import Issuer
from connector.ports.transaction import Clock, Store, Transaction
from connector.settings import Settings
from connector.storage import Database
from connector.storage.moments import make_id, now
from connector.system import keystore
from connector.system.keystore import CAPlan, KeystoreError
from connector.usecases import administrators, issuers
from connector.usecases.issuers import Issuers
from connector.usecases.keys import record_key
from connector.usecases.realms import SYSTEM, Installation
from connector.usecases.tenants import create_tenant

DEFAULT_TENANT = "default"
DATABASE = "connector.db"
ADDRESSES = "addresses.json"
ADMIN_KEY = "admin.key"
ADMINISTRATOR = "admin"
"""The name of the first administrator."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of a start. ``link`` is the first administrator's sign-in link, where this start made it."""

    issuers: Issuers
    link: Secret | None = None


async def prepare(settings: Settings, store: Store, clock: Clock) -> Prepared:
    """The issuers of this data directory, which are made with everything else at the first start.

    All replicas on one database have one root: a data directory that lacks it, or has another, is refused.

    Raises:
        KeystoreError: the CA cannot be made, or what is there cannot be used.
        StorageUnavailable: the database cannot be used.
    """
    directory, link = settings.data_dir, None
    in_use = await store.read(_is_in_use)  # from here on the clock is the database's
    # Our own has to be right as well: TLS goes by it.
    earliest = min(clock(), now())
    if in_use:
        if not (directory / "ca").exists():
            raise KeystoreError(
                f"{directory / 'ca'} is gone, while there is a database. Put it back from the backup, or copy it from "
                "another replica: with a new CA, every certificate that was issued would be worth nothing."
            )
        held = open_issuers(settings, now=earliest)
    else:
        held = open_issuers(settings, now=earliest)
        link = await _first_start(store, directory, at=clock())
    if await store.read(lambda tx: _is_unknown(tx, held[0])):
        await store.transaction(lambda tx: _record_root(tx, held[0]))
    if missing := await store.read(lambda tx: tx.tenants.profiles()) - set(settings.profiles.names):
        raise KeystoreError(
            f"The certificate profile {', '.join(sorted(missing))} was chosen for tenants, applications or runtimes, "
            "and is not set up. Set certificates.spiffe_trust_domain, as it was when the profile was chosen."
        )
    recorded = await store.read(issuers.read)
    if not issuers.are_settled(recorded, held):
        recorded = await store.transaction(lambda tx: issuers.settle(tx, held))
    return Prepared(_holding_the_signing_one(held, recorded, directory), link)


def database(settings: Settings) -> Database:
    """The database that the settings name.

    Raises:
        KeystoreError: the file with its URL cannot be used.
        Exposed: others can read it.
    """
    given = settings.database
    url = given.url.get_secret_value() if given.url else None
    if given.url_file is not None:
        url = keystore.read_secret(given.url_file, "URL", settings.trusted).decode(errors="replace")
    return Database(settings.data_dir / DATABASE, url, given.connections)


def _is_in_use(tx: Transaction) -> bool:
    return tx.keys.any()


def open_issuers(settings: Settings, *, now: datetime) -> Sequence[Issuer]:
    """All that are in the data directory, the built-in one first."""
    secret = passphrase(settings)
    plan = CAPlan(settings.ca.key, settings.ca.root_validity, settings.ca.issuing_validity, settings.urls.root_pointers)
    directory, trusted = settings.data_dir / "ca", settings.trusted
    built_in = keystore.open_or_create(
        directory, plan=plan, passphrase=secret, trusted=trusted, now=now, random=token_bytes
    )
    return [built_in, *keystore.open_others(directory, passphrase=secret, trusted=trusted)]


def _holding_the_signing_one(held: Sequence[Issuer], recorded: issuers.Recorded, directory: Path) -> Issuers:
    found = Issuers(held, recorded)
    try:
        found.signing  # noqa: B018 - whether it is here
    except SignerUnavailable as error:
        raise KeystoreError(
            f"The issuing CA in {directory / 'ca'} was replaced: the database has it that the one with the SHA-256 "
            f"{found.current.fingerprint.hex()} signs. Copy ca/ from the replica that has it, or from a newer backup."
        ) from error
    return found


def _is_unknown(tx: Transaction, issuer: Issuer) -> bool:
    """Whether no root is recorded yet: the database is new, or was made by an older version.

    Raises:
        KeystoreError: another root is.
    """
    recorded = [anchor.fingerprint for anchor in tx.anchors.list()]
    if recorded and issuer.root_fingerprint not in recorded:
        raise KeystoreError(
            "The CA in the data directory is not that of the database, whose root has the SHA-256 "
            f"{recorded[0].hex()}. Copy ca/ from another replica or the backup, or name another database."
        )
    return not recorded


def _record_root(tx: Transaction, issuer: Issuer) -> None:
    if _is_unknown(tx, issuer):  # another replica may have been quicker
        tx.anchors.add(TrustAnchor(issuer.root_fingerprint, issuer.root_der, tx.now))


async def _first_start(store: Store, directory: Path, *, at: datetime) -> Secret | None:
    """Make the tenant, the first API key and the first administrator, unless another replica does so at the same time.

    The key's file is written before its digest is committed: a start that is killed in between leaves a key that is
    good for nothing, and the next start makes another.
    """
    text, key = principals.make_key(
        token_bytes(principals.KEY_OCTETS),
        Origin(make_id(), at, SYSTEM.actor),
        name="first",
        role=Role.ADMINISTRATOR,
        tenant=None,
        lifetime=None,
    )
    keystore.write_secret(directory / ADMIN_KEY, text)

    def make(tx: Transaction) -> Secret | None:
        if _is_in_use(tx):
            return None
        installation = Installation(tx, SYSTEM)
        create_tenant(installation, DEFAULT_TENANT, "Default tenant")
        record_key(installation, key)
        first = administrators.create(installation, ADMINISTRATOR, role=Role.ADMINISTRATOR, tenant=None)
        return administrators.hand_link(installation, first)

    link = await store.transaction(make)
    if link is None:
        (directory / ADMIN_KEY).unlink()
    return link
