"""The paths of the legacy REST API, and the URLs that its answers hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from connector.domain.secrets import Secret
from connector.usecases.own_application import OwnApplication

CERTIFICATES = "/v1/applications/certificates"
MANAGEMENT = "/v1/applications/management/info"
RENEWALS = "/v1/applications/certificates/renewals"
REVOCATIONS = "/v1/applications/certificates/revocations"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The base URLs of the two listeners, as clients must use them."""

    public: str
    mtls: str

    def csr_url(self, token: Secret) -> str:
        """Where the CSR goes, with the token that pays for it: unescaped, as clients compare it."""
        return f"{self.public}{CERTIFICATES}?token={token.text}"

    def api(self, application: OwnApplication) -> Mapping[str, str]:
        """The URLs of the CSR information."""
        return {
            **self._services(application),
            "infoUrl": f"{self.mtls}{MANAGEMENT}",
            "certificatesUrl": f"{self.public}{CERTIFICATES}",
        }

    def management(self, application: OwnApplication) -> Mapping[str, str]:
        """The URLs of the management information."""
        return {
            **self._services(application),
            "renewCertUrl": f"{self.mtls}{RENEWALS}",
            "revokeCertUrl": f"{self.mtls}{REVOCATIONS}",
        }

    def _services(self, application: OwnApplication) -> Mapping[str, str]:
        events = application.events_url
        return {
            "eventsUrl": events,
            "eventsInfoUrl": f"{events}/subscribed" if events else "",
            "metadataUrl": f"{self.mtls}/{quote(application.name, safe='')}/v1/metadata/services",
        }
