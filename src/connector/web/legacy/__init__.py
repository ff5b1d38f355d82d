"""The legacy REST API: what clients of Compass's connectivity adapter call (docs/wire-contract.md, "Legacy REST")."""

from collections.abc import Mapping

from connector.web.legacy import addresses
from connector.web.legacy.addresses import Addresses
from connector.web.legacy.api import LegacyAPI
from connector.web.legacy.endpoint import Guards, LegacyEndpoint

__all__ = ["Addresses", "Guards", "LegacyAPI", "LegacyEndpoint", "endpoints"]


def endpoints(api: LegacyAPI, guards: Guards) -> Mapping[str, LegacyEndpoint]:
    """The endpoints by their paths, the same on every listener: each asks for the credential that it takes."""
    operations = {
        addresses.INFORMATION: ("GET", api.information),
        addresses.CERTIFICATES: ("POST", api.enroll),
        addresses.MANAGEMENT: ("GET", api.management),
        addresses.RENEWALS: ("POST", api.renew),
        addresses.REVOCATIONS: ("POST", api.revoke),
    }
    return {path: LegacyEndpoint(method, operation, guards) for path, (method, operation) in operations.items()}
