"""The issuers of this installation: several may be stored, one signs, and all that are trusted authenticate clients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.refusals.issuers import IssuerUnknown
from connector.pki.issuer import Issuer


@dataclass(slots=True)
class Issuers:
    """Which issuer signs, and the certificates of all that ever did.

    ``certificates`` holds the DER of each issuer's certificate by its fingerprint. It may change while we serve.
    """

    signing: Issuer
    certificates: Mapping[bytes, bytes] = field(default_factory=dict)

    def chain(self, issuer: bytes) -> Sequence[bytes]:
        """The certificates above one that this issuer signed, without the trust anchor; each is DER.

        Raises:
            IssuerUnknown: it is none of ours, or its certificate is lost.
        """
        if issuer == self.signing.fingerprint:
            return (self.signing.der,)
        if issuer not in self.certificates:
            raise IssuerUnknown
        return (self.certificates[issuer],)
