"""The secrets that settings name files for."""

import re

from connector.settings import Settings
from connector.system import keystore
from connector.system.keystore import KeystoreError

# Of hexadecimal digits, 32 are 128 bits. Nothing here needs quoting in any gateway's configuration.
_GATEWAY_SECRET = re.compile(rb"[A-Za-z0-9._~+/=\-]{32,1024}")


def passphrase(settings: Settings) -> bytes | None:
    """The passphrase of the CA's key files.

    Raises:
        KeystoreError: the file with the passphrase cannot be used.
        Exposed: others can read it.
    """
    if settings.ca.passphrase_file is not None:
        return keystore.read_secret(settings.ca.passphrase_file, "passphrase", settings.trusted)
    return settings.ca.passphrase.get_secret_value().encode() if settings.ca.passphrase else None


def gateway_secret(settings: Settings) -> str | None:
    """The secret that gateways send, if one is set.

    Raises:
        KeystoreError: the file with it cannot be used.
        Exposed: others can read it.
    """
    path = settings.gateways.secret_file
    if path is None:
        return None
    octets = keystore.read_secret(path, "gateways' secret", settings.trusted)
    if not _GATEWAY_SECRET.fullmatch(octets):
        raise KeystoreError(
            f"{path} should hold at least 32 letters, digits and characters of ._~+/=- . Make one with: openssl rand "
            "-hex 32"
        )
    return octets.decode("ascii")
