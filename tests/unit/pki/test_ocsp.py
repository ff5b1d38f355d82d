from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.issuing import DAY, fresh_serial, make_issuer
from tests.support.ocsp import MALFORMED, UNKNOWN, by_library

from connector.domain.certificates import RevocationReason
from connector.domain.ocsp import CertificateStatus, Period
from connector.domain.refusals.ocsp import OCSPIssuerUnknown, OCSPRequestMalformed
from connector.pki import der
from connector.pki.exact import check
from connector.pki.ocsp import Responder, ResponseStatus, issuer_ids, read_request, unsuccessful
from connector.pki.profile import plan_responder
from connector.pki.signatures import encoded_key
from connector.pki.signer import KeySigner

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PERIOD = Period(NOW, NOW + timedelta(minutes=5))
ISSUER = make_issuer(now=NOW)
KEY = ec.generate_private_key(ec.SECP256R1())
PLAN = plan_responder(
    encoded_key(KEY.public_key()), authority=ISSUER.authority, validity=2 * DAY, serial=fresh_serial(NOW), now=NOW
)
RESPONDER = Responder(x509.load_der_x509_certificate(ISSUER.sign(PLAN)), KeySigner(KEY))
FLAGS = {flag.value: flag for flag in x509.ReasonFlags}
ALGORITHMS: list[hashes.HashAlgorithm] = [hashes.SHA1(), hashes.SHA256()]  # noqa: S303 - as clients do

serials = st.integers(1, (1 << 159) - 1)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2060, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - UTC is given
revocations = st.builds(
    CertificateStatus, st.just(ISSUER.fingerprint), moments, st.none() | st.sampled_from(RevocationReason)
)
statuses = st.none() | st.just(CertificateStatus(ISSUER.fingerprint, None, None)) | revocations
nonces = st.none() | st.binary(min_size=1, max_size=128)


def code(status: CertificateStatus) -> x509.ReasonFlags | None:
    return None if status.reason in (None, RevocationReason.UNSPECIFIED) else FLAGS[status.reason.value]


def of_the_library(octets: bytes, status: CertificateStatus | None, period: Period) -> ocsp.OCSPResponse:
    """What the library answers with the same values."""
    asked = ocsp.load_der_ocsp_request(octets)
    revoked = status is not None and status.revoked_at is not None
    known = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            asked.issuer_name_hash,
            asked.issuer_key_hash,
            asked.serial_number,
            asked.hash_algorithm,
            ocsp.OCSPCertStatus.UNKNOWN if status is None else known,
            period.this_update,
            period.next_update,
            min(status.revoked_at, period.this_update).replace(microsecond=0) if status and status.revoked_at else None,
            code(status) if status is not None and revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, RESPONDER.certificate)
        .certificates([RESPONDER.certificate])
    )
    for each in asked.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return builder.sign(KEY, hashes.SHA256())


def without_production_time(signed: bytes) -> list[bytes]:
    """ResponseData without producedAt, the one value that the library takes from the clock."""
    responder, _, *more = der.elements(der.unwrap(signed, der.SEQUENCE))
    return [each.encoded for each in (responder, *more)]


@given(serial=serials, algorithm=st.sampled_from(ALGORITHMS), nonce=nonces, status=statuses, at=moments)
def test_octets_are_those_of_the_library(
    serial: int,
    algorithm: hashes.HashAlgorithm,
    nonce: bytes | None,
    status: CertificateStatus | None,
    at: datetime,
) -> None:
    """For any request, status and time, the octets that are signed are those that the library's builder makes."""
    begin = at.replace(microsecond=0)
    period = Period(begin, begin + timedelta(minutes=5))
    octets = by_library(ISSUER.certificate, serial, algorithm=algorithm, nonce=nonce)

    signed = RESPONDER.to_be_signed(read_request(octets), status, period)

    expected = of_the_library(octets, status, period).tbs_response_bytes
    assert without_production_time(signed) == without_production_time(expected)


@given(serial=serials, algorithm=st.sampled_from(ALGORITHMS), nonce=nonces, status=statuses)
def test_library_reads_what_was_answered(
    serial: int, algorithm: hashes.HashAlgorithm, nonce: bytes | None, status: CertificateStatus | None
) -> None:
    """The answer is about the certificate that was asked about, repeats the nonce, and its signature verifies under the
    responder's certificate in it, which the issuer signed.
    """
    request = read_request(by_library(ISSUER.certificate, serial, algorithm=algorithm, nonce=nonce))
    answer = ocsp.load_der_ocsp_response(RESPONDER.answer(request, status, PERIOD))

    assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert (answer.serial_number, answer.hash_algorithm.name) == (serial, algorithm.name)
    assert request.issuer in set(issuer_ids(ISSUER.authority))
    assert [each.value.nonce for each in answer.extensions] == ([] if nonce is None else [nonce])
    assert (answer.this_update_utc, answer.next_update_utc, answer.produced_at_utc) == (NOW, PERIOD.next_update, NOW)
    wanted = ocsp.OCSPCertStatus.UNKNOWN
    if status is not None:
        wanted = ocsp.OCSPCertStatus.REVOKED if status.revoked_at else ocsp.OCSPCertStatus.GOOD
    assert answer.certificate_status is wanted
    (signer,) = answer.certificates
    signer.verify_directly_issued_by(ISSUER.certificate)
    KEY.public_key().verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))


def test_responder_may_sign_answers_and_nothing_else() -> None:
    """Its certificate is short-lived, for signing OCSP answers alone, and nobody need ask whether it is revoked."""
    check(RESPONDER.certificate.public_bytes(Encoding.DER), PLAN)
    held = RESPONDER.certificate.extensions

    assert list(held.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert held.get_extension_for_class(x509.OCSPNoCheck).value == x509.OCSPNoCheck()
    assert held.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=False, path_length=None
    )
    usage = held.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign, usage.crl_sign) == (True, False, False)
    assert RESPONDER.last - RESPONDER.first <= 2 * DAY + timedelta(minutes=1)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_refused(name: str) -> None:
    """A request that is not DER, not one question, or has an unknown critical extension, is refused as such."""
    with pytest.raises(OCSPRequestMalformed):
        read_request(MALFORMED[name])


@pytest.mark.parametrize("name", UNKNOWN)
def test_request_about_another_issuer_is_read_as_such(name: str) -> None:
    """What can be read names an issuer that is none of ours, or one by an algorithm that is not known."""
    ours = set(issuer_ids(ISSUER.authority))
    try:
        assert read_request(UNKNOWN[name]).issuer not in ours
    except OCSPIssuerUnknown:
        assert name in {"digests of an unknown algorithm", "MD5"}


@given(octets=st.binary(max_size=300), place=st.integers(0, 200), bit=st.integers(0, 7))
def test_any_octets_are_read_or_refused(octets: bytes, place: int, bit: int) -> None:
    """Whatever is sent, also a good request with one wrong bit, nothing but these two refusals is raised."""
    good = bytearray(by_library(ISSUER.certificate, 1 << 130, nonce=b"nonce"))
    good[place % len(good)] ^= 1 << bit
    for each in (octets, bytes(good)):
        try:
            read_request(each)
        except (OCSPRequestMalformed, OCSPIssuerUnknown):
            continue


@pytest.mark.parametrize("status", [each for each in ResponseStatus if each is not ResponseStatus.SUCCESSFUL])
def test_unsuccessful_answers_are_those_of_the_library(status: ResponseStatus) -> None:
    """Each says its status and nothing else."""
    named = ocsp.OCSPResponseStatus[status.name]

    assert unsuccessful(status) == ocsp.OCSPResponseBuilder.build_unsuccessful(named).public_bytes(Encoding.DER)
