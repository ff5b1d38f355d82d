"""A client certificate that a gateway passes on is verified here again, as a TLS handshake would have done it.

The gateway has proved that its client has the key. The client's identity, and whether the certificate is good, are
found out afterwards as for every other certificate: by its fingerprint in the inventory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from connector.domain.refusals.certificates import CertificateExpired, CertificateUnknown
from connector.pki.adopted import AdoptedCA, Presented
from connector.ports.transaction import Clock
from connector.usecases.issuers import Issuers, Recorded

MOST_VERIFIED = 10_000
"""Certificates whose signature a process remembers to be good. Forgetting costs one verification."""


@dataclass(slots=True)
class ForwardedCertificates:
    """Verifies certificates that gateways pass on."""

    issuers: Issuers
    clock: Clock
    _recorded: Recorded | None = field(default=None, init=False, repr=False)
    _cas: Sequence[AdoptedCA] = field(default=(), init=False, repr=False)
    _verified: dict[bytes, Presented] = field(default_factory=dict, init=False, repr=False)

    def verify(self, encoded: bytes) -> None:
        """Return if a CA that is trusted for clients issued the certificate (DER), and it is valid now.

        Raises:
            CertificateUnknown: none of them issued it, or it cannot be read.
            CertificateExpired: it is not valid now (RFC 5280 4.1.2.5: both ends are inclusive).
        """
        presented = self._signed(encoded)
        if not presented.not_before <= self.clock() <= presented.not_after:
            raise CertificateExpired

    def _signed(self, encoded: bytes) -> Presented:
        self._follow()
        fingerprint = sha256(encoded).digest()
        known = self._verified.get(fingerprint)
        if known is not None:
            return known
        try:
            presented = Presented.read(encoded)
        except ValueError as error:
            raise CertificateUnknown from error
        if not any(presented.is_signed_by(ca) for ca in self._cas):
            raise CertificateUnknown
        if len(self._verified) >= MOST_VERIFIED:
            self._verified.clear()
        self._verified[fingerprint] = presented
        return presented

    def _follow(self) -> None:
        """Go by the CAs that are trusted now."""
        if self.issuers.records is not self._recorded:
            self._recorded = self.issuers.records
            self._cas = [AdoptedCA.read(each) for each in self.issuers.issuing]
            self._verified.clear()
