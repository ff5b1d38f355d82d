"""The commands for administrators work with this: the data directory of a server that may be running."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import TypeAdapter

from connector.bootstrap import start
from connector.bootstrap.files import load_safely
from connector.bootstrap.secrets import gateway_secret
from connector.bootstrap.start import ADDRESSES
from connector.domain.administrators import link_url
from connector.domain.pairing import Links
from connector.ports.transaction import Store
from connector.settings import Settings
from connector.storage import Database
from connector.system import keystore
from connector.system.passwords import Argon2Passwords
from connector.usecases.quotas import Allowances

_ADDRESSES = TypeAdapter(dict[str, str])


async def make_password(password: str) -> str:
    """The hash of a password, to keep."""
    return await Argon2Passwords().make(password)


class NotReady(Exception):  # noqa: N818 - named for what is the matter
    """The data directory does not hold what a command needs: no server has started there, or a file is damaged."""


@dataclass(frozen=True, slots=True)
class Administration:
    """The objects of a command, on the database of a server that may be running. It needs no key of the CA."""

    settings: Settings
    store: Store
    root: x509.Certificate
    issuing: x509.Certificate
    links: Links
    internal: str | None = None
    """The base URL of the internal listener, if there is one."""

    @property
    def gateway_secret(self) -> str | None:
        """The secret that gateways send, if one is set.

        Raises:
            KeystoreError, Exposed: the file with it cannot be used.
        """
        return gateway_secret(self.settings)

    @property
    def allowances(self) -> Allowances:
        """The quotas, which hold for commands too."""
        return Allowances(self.settings.quotas.values())

    def console_link(self, code: str, name: str) -> str:
        """The sign-in link with this code, of the administrator of this name."""
        return link_url(self.links.issuer, code, name)


@asynccontextmanager
async def administration(*, data_dir: Path | None, config: Path | None) -> AsyncIterator[Administration]:
    """Open the data directory of a server for a command.

    Raises:
        SettingsError: a setting is unknown or wrong.
        Exposed: other users can get at a file.
        NotReady: no server has started there yet, or a file is missing or damaged.
        StorageUnavailable: the database cannot be used, or is of another version.
    """
    settings, _ = load_safely(data_dir=data_dir, config=config)
    directory = settings.data_dir
    database = start.database(settings)
    if database.url is None:
        require_file(database)
    root, issuing = (_ca_certificate(directory / "ca" / name) for name in (keystore.ROOT, keystore.ISSUING))
    urls = known_urls(settings)
    links = Links.of(urls["public"], urls["mtls"], root.fingerprint(SHA256()))
    # The server may be an older version that is running: only a server's start changes the tables.
    store = database.attach()
    try:
        yield Administration(settings, store, root, issuing, links, urls.get("internal"))
    finally:
        await store.close()


def require_file(database: Database) -> None:
    """Return if the SQLite file is there.

    Raises:
        NotReady: it is not.
        StorageUnavailable: it was moved to PostgreSQL.
    """
    directory = database.path.parent
    try:
        database.refuse_moved()
        found = database.path.exists()
    except OSError as error:
        raise NotReady(f"{directory} cannot be read: {error.strerror}.") from error
    if not found:
        raise NotReady(f"{directory} holds no database. Start one first: connector serve --data-dir {directory}")


def _ca_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise NotReady(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotReady(f"{path} is not a certificate in PEM. Put it back from the backup.") from error


def known_urls(settings: Settings) -> Mapping[str, str]:
    """The base URLs: as set, or as the server wrote them down at its last start, or as they would be.

    Raises:
        NotReady: what the server wrote down cannot be read.
    """
    listeners = settings.listeners
    urls = {"public": f"https://{listeners.public}", "mtls": f"https://{listeners.mtls}"}
    if listeners.internal is not None:
        urls["internal"] = f"http://{listeners.internal}"
    path = settings.data_dir / ADDRESSES
    try:
        urls.update(_ADDRESSES.validate_json(path.read_bytes()))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise NotReady(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotReady(f"{path} is damaged. Restart the server: its start writes the file anew.") from error
    return {**urls, **settings.urls.of_listeners}
