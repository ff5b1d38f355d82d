"""Administrators by certificate: from settings and a file of CA certificates to what the server goes by."""

from collections.abc import Mapping
from pathlib import Path

from connector import exposure
from connector.pki.admin_certificates import UnusableAuthorityError, read_authorities, validity
from connector.settings import Problem, Settings, SettingsError
from connector.storage.moments import now
from connector.system import telemetry
from connector.usecases.admin_certificates import AdminCertificates, refuse_ours
from connector.usecases.issuers import Issuers

CA_FILE = "admin_certificates.ca_file"
MAX_FILE = 1024 * 1024


def authorities(settings: Settings, origins: Mapping[str, str]) -> tuple[bytes, ...]:
    """The CA certificates (DER) whose clients may be administrators; none where no file is set.

    Raises:
        SettingsError: the file cannot be used, and why.
        Exposed: others can write it.
    """
    path = settings.admin_certificates.ca_file
    if path is None:
        return ()
    try:
        return read_authorities(_read(path, settings))
    except UnusableAuthorityError as error:
        raise _wrong(error, origins) from error


def admin_certificates(
    settings: Settings, authorities: tuple[bytes, ...], issuers: Issuers, origins: Mapping[str, str]
) -> AdminCertificates | None:
    """The check of administrators' certificates; None if the settings have none.

    Raises:
        SettingsError: one of the CA certificates is our own, or stands above one of ours.
    """
    if not authorities:
        return None
    try:
        refuse_ours(authorities, issuers)
    except UnusableAuthorityError as error:
        raise _wrong(error, origins) from error
    for number, authority in enumerate(authorities, 1):
        first, last = validity(authority)
        if not first <= now() <= last:  # no reason to stop: the others are good, and so are API keys
            telemetry.logger().warning("admin_certificates.ca_not_valid", number=number, not_after=last.isoformat())
    return AdminCertificates(settings.admin_certificates.values(), issuers)


def _read(path: Path, settings: Settings) -> bytes:
    try:
        return exposure.read(path, is_secret=False, most=MAX_FILE, trusted=settings.trusted)
    except OSError as error:
        raise UnusableAuthorityError(f"The file cannot be read: {error.strerror}") from error


def _wrong(error: UnusableAuthorityError, origins: Mapping[str, str]) -> SettingsError:
    return SettingsError([Problem(CA_FILE, origins.get(CA_FILE, "default"), f"{error}.")])
