"""The legacy REST API: what clients of Compass's connectivity adapter call (docs/wire-contract.md, "Legacy REST")."""

from collections.abc import Mapping

from starlette.types import Scope

from connector.domain.pairing import LEGACY_PATH
from connector.web.legacy import addresses
from connector.web.legacy.addresses import Addresses
from connector.web.legacy.api import LegacyAPI
from connector.web.legacy.catalogue import CatalogueAPI, described, place_of
from connector.web.legacy.endpoint import Guards, LegacyEndpoint

__all__ = ["Addresses", "CatalogueAPI", "Guards", "LegacyAPI", "LegacyEndpoint", "Metadata", "endpoints"]


def endpoints(api: LegacyAPI, guards: Guards) -> Mapping[str, LegacyEndpoint]:
    """The endpoints by their paths, the same on every listener: each asks for the credential that it takes."""
    operations = {
        LEGACY_PATH: ("GET", api.information),
        addresses.CERTIFICATES: ("POST", api.enroll),
        addresses.MANAGEMENT: ("GET", api.management),
        addresses.RENEWALS: ("POST", api.renew),
        addresses.REVOCATIONS: ("POST", api.revoke),
    }
    return {path: LegacyEndpoint({method: operation}, guards) for path, (method, operation) in operations.items()}


class Metadata:
    """The catalogue below ``metadataUrl``, whose paths hold an application's name."""

    def __init__(self, api: CatalogueAPI, guards: Guards) -> None:
        self._all = LegacyEndpoint({"GET": api.list, "POST": api.publish}, guards, described)
        self._one = LegacyEndpoint({"GET": api.one, "PUT": api.replace, "DELETE": api.remove}, guards, described)

    def at(self, scope: Scope) -> LegacyEndpoint | None:
        """The endpoint at the request's path, if it is one of the catalogue's."""
        place = place_of(scope)
        if place is None:
            return None
        return self._all if place.service is None else self._one
