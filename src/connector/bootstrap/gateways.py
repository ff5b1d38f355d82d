"""From settings to what answers gateways."""

import re
from ipaddress import ip_network

from connector.ports.transaction import Clock, Store
from connector.settings import Settings
from connector.system import keystore
from connector.system.keystore import KeystoreError
from connector.usecases.issuers import Issuers
from connector.usecases.verdicts import Verdicts
from connector.web.gateways import Gateways, Proxies

# Of hexadecimal digits, 32 are 128 bits. Nothing here needs quoting in any gateway's configuration.
_SECRET = re.compile(rb"[A-Za-z0-9._~+/=\-]{32,1024}")


def gateways(settings: Settings, issuers: Issuers, store: Store, clock: Clock) -> Gateways | None:
    """What answers gateways; None if the settings name none.

    Raises:
        KeystoreError: the file with the secret cannot be used.
        Exposed: others can read it.
    """
    networks, secret = settings.gateways.proxies, gateway_secret(settings)
    if not networks and secret is None:
        return None
    return Gateways(Proxies(tuple(map(ip_network, networks)), secret), Verdicts(store, issuers, clock))


def gateway_secret(settings: Settings) -> str | None:
    """The secret that gateways send, if one is set; raises as :func:`gateways` does."""
    path = settings.gateways.secret_file
    if path is None:
        return None
    octets = keystore.read_secret(path, "gateways' secret", settings.trusted)
    if not _SECRET.fullmatch(octets):
        raise KeystoreError(
            f"{path} should hold at least 32 letters, digits and characters of ._~+/=- . Make one with: openssl rand "
            "-hex 32"
        )
    return octets.decode("ascii")
