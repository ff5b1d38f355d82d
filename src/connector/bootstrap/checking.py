"""What a start checks before it makes anything. ``connector config check`` does the same, and starts nothing."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connector import serving
from connector.bootstrap import admin_certificates, gateways, objects, start
from connector.bootstrap.files import load_safely
from connector.bootstrap.secrets import passphrase
from connector.oidc import OIDC
from connector.settings import Settings
from connector.storage.moments import now


@dataclass(frozen=True, slots=True)
class Checked:
    """Settings with which a server can start, where each came from, and what was made of them on the way."""

    settings: Settings
    origins: Mapping[str, str]
    bearers: OIDC | None
    authorities: tuple[bytes, ...]


def check_settings(*, data_dir: Path | None, config: Path | None, flags: Mapping[str, object] | None = None) -> Checked:
    """The settings, if they fit together and nobody else can get at the files.

    Raises:
        SettingsError, Exposed: a setting is unknown or wrong, or other users can get at a file.
        KeystoreError: the file with the gateways' secret cannot be used.
    """
    settings, origins = load_safely(data_dir=data_dir, config=config, flags=flags)
    bearers = objects.bearers_of(settings)
    authorities = admin_certificates.authorities(settings, origins)
    gateways.check(settings, origins)
    return Checked(settings, origins, bearers, authorities)


def check_files(checked: Checked) -> None:
    """Return if the other files that the settings name can be used: a start opens them one by one, as it gets there.

    Raises:
        KeystoreError, Exposed: a file with a secret cannot be used.
        ServerCertificateError: the server's certificate and key cannot be served.
    """
    settings = checked.settings
    passphrase(settings)
    start.database(settings)
    objects.code_flow(settings, checked.bearers)
    source = objects.certificate_files(settings)
    if source is None:
        return
    with tempfile.TemporaryDirectory() as directory:  # for the moment in which OpenSSL reads the key; ours alone
        serving.ServerCertificate(
            source,
            [serving.ServerContext()],
            directory=Path(directory),
            clock=now,
            loaded=lambda _: None,
            failed=lambda _: None,
        ).load()
