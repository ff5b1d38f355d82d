from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from tests.support.issuing import make_issuer

from connector.domain.certificates import RevocationReason
from connector.domain.crls import Revocation
from connector.pki.crl import CRLPlan, entries, scope_of
from connector.pki.exact import WrongSignature
from connector.pki.signer import KeySigner

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = make_issuer(now=NOW, key=KEY)
# The library knows the codes by the names of RFC 5280.
FLAGS = {flag.value: flag for flag in x509.ReasonFlags}

moments = st.datetimes(datetime(1970, 1, 1), datetime(2049, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - UTC is given
revocations = st.builds(
    Revocation,
    st.just(NOW),
    st.integers(1, (1 << 159) - 1).map(lambda number: f"{number:x}"),
    moments,
    st.none() | st.sampled_from(RevocationReason),
)


def plan(number: int = 7, *, lasting: timedelta = timedelta(days=7)) -> CRLPlan:
    return CRLPlan(ISSUER.authority, number, NOW, NOW + lasting)


def of_the_library(listed: list[Revocation], crl: CRLPlan) -> x509.CertificateRevocationList:
    """What the library makes of the same values."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ISSUER.certificate.subject)
        .last_update(crl.this_update)
        .next_update(crl.next_update)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(KEY.public_key()), critical=False)
        .add_extension(x509.CRLNumber(crl.number), critical=False)
    )
    for each in listed:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(int(each.serial, 16))
            .revocation_date(min(each.revoked_at, NOW).replace(microsecond=0))
        )
        if each.reason not in (None, RevocationReason.UNSPECIFIED):
            entry = entry.add_extension(x509.CRLReason(FLAGS[each.reason.value]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(KEY, SHA256())


@given(
    pages=st.lists(st.lists(revocations, max_size=6), max_size=3),
    number=st.integers(1, 1 << 62),
    lasting=st.integers(1, 30 * 366).map(lambda days: timedelta(days=days)),
)
def test_octets_are_those_of_the_library(pages: list[list[Revocation]], number: int, lasting: timedelta) -> None:
    """For any serial numbers, times and reasons, in any pages, the octets that are signed are those that the library's
    builder makes.
    """
    crl = plan(number, lasting=lasting)
    encoded = [entries(page, until=NOW) for page in pages]

    expected = of_the_library([each for page in pages for each in page], crl)
    assert crl.to_be_signed(encoded) == expected.tbs_certlist_bytes


@given(listed=st.lists(revocations, max_size=10))
def test_library_reads_what_was_written(listed: list[Revocation]) -> None:
    """Each revoked certificate is found with its time and reason, under a signature that verifies. Unspecified has no
    reason code, and nothing has a time after the CRL's.
    """
    crl = x509.load_der_x509_crl(plan().sign([entries(listed, until=NOW)], ISSUER.signer))

    assert crl.is_signature_valid(KEY.public_key())
    assert crl.issuer == ISSUER.certificate.subject
    assert [(each.serial_number, each.revocation_date_utc) for each in crl] == [
        (int(each.serial, 16), min(each.revoked_at, NOW).replace(microsecond=0)) for each in listed
    ]
    for found, each in zip(crl, listed, strict=True):
        codes = [extension.value.reason.value for extension in found.extensions]
        wanted = each.reason
        assert codes == ([] if wanted in (None, RevocationReason.UNSPECIFIED) else [wanted.value])


def test_crl_of_nothing_has_no_list() -> None:
    """Where nothing is revoked, the list is absent and not empty (RFC 5280 5.1.2.6)."""
    assert plan().to_be_signed([]) == plan().to_be_signed([b""]) == of_the_library([], plan()).tbs_certlist_bytes


@pytest.mark.parametrize("serial", ["0", "-1", f"{1 << 159:x}", "2-abcdef"])
def test_serial_that_no_certificate_has_is_refused(serial: str) -> None:
    """A serial number that RFC 5280 does not allow stops the CRL, rather than list another."""
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        entries([Revocation(NOW, serial, NOW, None)], until=NOW)


def test_signature_of_another_key_is_refused() -> None:
    """A signer that has another key makes no CRL."""
    with pytest.raises(WrongSignature):
        plan().sign([], KeySigner.generate("p256"))


def test_scope_is_of_name_and_key() -> None:
    """A CA certificate that was renewed with its key has the same scope; another name or another key has another."""
    later = NOW + timedelta(days=1)

    assert scope_of(make_issuer(now=later, key=KEY).authority) == scope_of(ISSUER.authority)
    assert scope_of(make_issuer(now=NOW, key=KEY, common_name="Other").authority) != scope_of(ISSUER.authority)
    assert scope_of(make_issuer(now=NOW).authority) != scope_of(ISSUER.authority)
