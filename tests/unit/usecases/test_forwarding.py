"""Certificates that gateways pass on are verified as in a TLS handshake."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.ca import CA

from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.certificates import CertificateExpired, CertificateUnknown
from connector.usecases.forwarding import ForwardedCertificates
from connector.usecases.issuers import Issuers, Recorded

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
VALID = {"not_before": NOW - DAY, "not_after": NOW + DAY}
CA_, OTHER = CA.make(), CA.make()


def recorded(state: IssuerState = IssuerState.SIGNING) -> Recorded:
    """The issuing CA, in that state."""
    issuing = CA_.issuing.der
    return Recorded((IssuerRecord(b"issuing", issuing, b"root", state, NOW, NOW),), ())


def verified(der: bytes, at: datetime = NOW) -> None:
    """Verify it at that time."""
    ForwardedCertificates(Issuers([], recorded()), lambda: at).verify(der)


@pytest.mark.parametrize("at", [NOW - DAY, NOW, NOW + DAY])
def test_a_certificate_of_ours_is_good_while_it_is_valid(at: datetime) -> None:
    """Both ends of its validity are inclusive (RFC 5280 4.1.2.5)."""
    verified(CA_.client(**VALID).der, at)


@pytest.mark.parametrize("at", [NOW - DAY - timedelta(seconds=1), NOW + DAY + timedelta(seconds=1)])
def test_a_certificate_that_is_not_valid_now_is_refused(at: datetime) -> None:
    """Before and after its validity it is refused, also where it was good a moment ago."""
    der = CA_.client(**VALID).der
    times = [NOW, at]
    certificates = ForwardedCertificates(Issuers([], recorded()), lambda: times.pop(0))
    certificates.verify(der)
    with pytest.raises(CertificateExpired):
        certificates.verify(der)


def test_whatever_no_ca_of_ours_signed_is_refused() -> None:
    """A CA of the same names with another key, the root, an octet changed, and what is no certificate."""
    der = CA_.client(**VALID).der
    changed = bytearray(der)
    changed[-1] ^= 1
    for each in (OTHER.client(**VALID).der, CA_.root.der, bytes(changed), der + b"\0", b"\x30\x00", b""):
        with pytest.raises(CertificateUnknown):
            verified(each)


def test_a_ca_that_ends_takes_its_certificates_with_it() -> None:
    """Once the issuing CA has ended, a certificate of it is refused, also one that was good before."""
    der = CA_.client(**VALID).der
    issuers = Issuers([], recorded())
    certificates = ForwardedCertificates(issuers, lambda: NOW)
    certificates.verify(der)
    issuers.follow(recorded(IssuerState.ENDED))
    with pytest.raises(CertificateUnknown):
        certificates.verify(der)
