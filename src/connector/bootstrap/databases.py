"""The database of a data directory, for the commands that care for it, whether a server runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.bootstrap import start
from connector.bootstrap.administration import require_file
from connector.bootstrap.files import load_safely
from connector.storage import Database
from connector.system import keystore


def database(*, data_dir: Path | None, config: Path | None) -> Database:
    """The database that the settings name; nothing is opened, and it need not be there yet.

    Raises:
        SettingsError: a setting is unknown or wrong.
        Exposed: other users can get at a file.
        KeystoreError: the file with its URL cannot be used.
    """
    settings, _ = load_safely(data_dir=data_dir, config=config)
    return start.database(settings)


def existing(*, data_dir: Path | None, config: Path | None) -> Database:
    """The same, where there is one.

    Raises:
        NotReady: there is no file yet.
        StorageUnavailable: it was moved to PostgreSQL.
    """
    found = database(data_dir=data_dir, config=config)
    if found.url is None:
        require_file(found)
    return found


@contextmanager
def stopped(*, data_dir: Path | None, config: Path | None) -> Iterator[Database]:
    """The database, while no server may start in its data directory, where a file of it is.

    Raises:
        NotReady: there is no file.
        StorageUnavailable: it was moved to PostgreSQL.
        KeystoreError: a server is running there.
    """
    found = database(data_dir=data_dir, config=config)
    require_file(found)
    with keystore.locked(found.path.parent):
        yield found
