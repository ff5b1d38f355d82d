"""Where the server listens, and where others reach it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field

from connector.pki.extensions import CA, NO_POINTERS, Pointers
from connector.settings.section import Section
from connector.settings.values import (
    Address,
    ListenerAddress,
    OptionalListenerAddress,
    check_http,
    check_https,
)

_HttpURL = Annotated[str, AfterValidator(check_http)]
_HttpsURL = Annotated[str, AfterValidator(check_https)]


class Listeners(Section):
    """Where the server listens: HOST:PORT, or [::1]:PORT for IPv6. Port 0 chooses a free port. Each listener has a flag
    of its name, such as --public.
    """

    public: ListenerAddress = Field(
        default=Address("localhost", 8443),
        description="TLS: systems with one-time tokens, administrators. It asks for a client certificate only with "
        "admin_certificates.ca_file.",
    )
    mtls: ListenerAddress = Field(
        default=Address("localhost", 8444),
        description="Mutual TLS: holders of certificates.",
    )
    pki: OptionalListenerAddress = Field(
        default=Address("localhost", 8080),
        description='Plain HTTP: the CA\'s certificates and revocation lists. Or "off".',
    )
    forwarded: OptionalListenerAddress = Field(
        default=None,
        description="Plain HTTP: holders of certificates behind a gateway that ends TLS and passes on the certificate "
        "as gateways.dialect says. Off by default.",
    )
    internal: OptionalListenerAddress = Field(
        default=Address("127.0.0.1", 8445),
        description='Plain HTTP: health checks, verdicts for gateways. Keep it on loopback. Or "off".',
    )


class URLs(Section):
    """The base URLs that clients use, if they differ from the listeners' addresses: behind a load balancer or in a
    container. By default, the URL is built from the listener's address.
    """

    public: _HttpsURL | None = Field(default=None, description="The https URL of the public listener.")
    mtls: _HttpsURL | None = Field(default=None, description="The https URL of the mutual TLS listener.")
    pki: _HttpURL | None = Field(
        default=None,
        description="The http URL of the pki listener. If it is set, new certificates name the CRL, the OCSP responder "
        "and the certificate of their CA below it.",
    )

    @property
    def of_listeners(self) -> Mapping[str, str]:
        """Those that are set of the listeners for external systems, by the names of these."""
        urls = {"public": self.public, "mtls": self.mtls}
        return {name: url for name, url in urls.items() if url is not None}

    @property
    def pointers(self) -> Pointers:
        """Where new client certificates say that the CRL, the OCSP responder and the certificate of their CA are."""
        if self.pki is None:
            return NO_POINTERS
        return replace(self.root_pointers, ocsp=(f"{self.pki}/ocsp",))

    @property
    def root_pointers(self) -> Pointers:
        """Where a new issuing CA says that the CRL and the certificate of its root are. No root answers by OCSP."""
        if self.pki is None:
            return NO_POINTERS
        return Pointers(crl=(f"{self.pki}/crl/{CA}.crl",), ca_issuers=(f"{self.pki}/ca/{CA}.crt",))
