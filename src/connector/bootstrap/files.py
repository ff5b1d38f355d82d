"""The files of an installation: which they are, and who else can get at them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from connector import exposure
from connector.bootstrap.start import ADDRESSES, ADMIN_KEY, DATABASE
from connector.exposure import Finding, Trusted
from connector.settings import Settings, load_told
from connector.system import keystore

DIRECTORIES = ("", "ca", "tls")
SECRET = (
    f"ca/{keystore.ROOT_KEY}",
    f"ca/{keystore.ISSUING_KEY}",
    ADMIN_KEY,
    *(f"{DATABASE}{suffix}" for suffix in ("", "-wal", "-shm", "-journal", "-turn", ".moved")),
    "lock",
)
NOT_SECRET = (f"ca/{keystore.ROOT}", f"ca/{keystore.ISSUING}", ADDRESSES)


def load_safely(
    *, data_dir: Path | None, config: Path | None, flags: Mapping[str, object] | None = None
) -> tuple[Settings, Mapping[str, str]]:
    """The settings, and where each came from. The files that they name, and those of the data directory, are safe.

    Raises:
        SettingsError: a setting is unknown or wrong.
        Exposed: other users can get at a file.
    """
    settings, origins = load_told(data_dir=data_dir, config=config, overrides=flags or {}, environ=os.environ)
    exposure.refuse(findings(settings, settings.trusted))
    return settings, origins


def findings(settings: Settings, trusted: Trusted) -> Iterator[Finding]:
    """Every file that others can get at, whether it is in use now or not."""
    for name in DIRECTORIES:
        yield from exposure.directory(settings.data_dir / name, trusted)
    for path in (*(settings.data_dir / name for name in SECRET), *_given(settings, is_secret=True)):
        yield from exposure.named(path, trusted, is_secret=True)
    for path in (*(settings.data_dir / name for name in NOT_SECRET), *_given(settings, is_secret=False)):
        yield from exposure.named(path, trusted, is_secret=False)


def _given(settings: Settings, *, is_secret: bool) -> Iterator[Path]:
    """The files that are named in the settings."""
    secret = (
        settings.tls.key_file,
        settings.ca.passphrase_file,
        settings.database.url_file,
        settings.oidc.client_secret_file,
        settings.gateways.secret_file,
    )
    others = (settings.tls.certificate_file, settings.oidc.ca_file, settings.admin_certificates.ca_file)
    for path in secret if is_secret else others:
        if path is not None:
            yield path
