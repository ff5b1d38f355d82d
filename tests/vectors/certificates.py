"""Defective client certificates (RFC 5280 4.1), each signed by the issuer: what must never leave it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha1

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.vectors import der, keys
from tests.vectors.asked import ALTERNATIVE_NAME, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, extension
from tests.vectors.drafts import ANOTHER_ID, Applicant

_SKI, _AKI = "2.5.29.14", "2.5.29.35"
_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"
_ECDSA_WITH_SHA1 = der.sequence(der.oid("1.2.840.10045.4.1"))
_ECDSA_WITH_SHA384 = der.sequence(der.oid("1.2.840.10045.4.3.3"))


@dataclass(frozen=True, slots=True)
class CertificateDraft:
    """A certificate before it is signed: each part is DER, each extension by its identifier."""

    signer: keys.Key
    serial: int
    issuer: bytes
    not_before: datetime
    not_after: datetime
    subject: bytes
    spki: bytes
    extensions: dict[str, bytes]
    version: bytes = der.element(0xA0, der.integer(2))
    tail: bytes = b""

    def info(self) -> bytes:
        """The TBSCertificate."""
        validity = der.sequence(*(_utc_time(moment) for moment in (self.not_before, self.not_after)))
        extensions = der.element(0xA3, der.sequence(*self.extensions.values()))
        return der.sequence(
            self.version,
            der.integer(self.serial),
            self.signer.algorithm,
            self.issuer,
            validity,
            self.subject,
            self.spki,
            self.tail + (extensions if self.extensions else b""),
        )

    def encoded(self) -> bytes:
        """The certificate's DER, signed."""
        info = self.info()
        return der.sequence(info, self.signer.algorithm, der.bits(self.signer.sign(info)))


def _utc_time(moment: datetime) -> bytes:
    return der.element(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def key_identifier(point: bytes) -> bytes:
    """RFC 5280 4.2.1.2, method (1)."""
    return sha1(point, usedforsecurity=False).digest()


def extensions(subject_key: bytes, issuer_key: bytes) -> dict[str, bytes]:
    """The extensions of a client certificate, from the octets of its key and of its issuer's."""
    aki = der.sequence(der.element(0x80, key_identifier(issuer_key)))
    return {
        BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE, critical=der.boolean()),
        KEY_USAGE: extension(KEY_USAGE, der.bits(b"\x80", unused=7), critical=der.boolean()),
        EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, der.sequence(der.CLIENT_AUTH)),
        _AKI: extension(_AKI, aki),
        _SKI: extension(_SKI, der.octets(key_identifier(subject_key))),
    }


def defects(good: CertificateDraft, applicant: Applicant) -> Iterator[tuple[str, CertificateDraft]]:
    """Each is the good certificate with one defect, named for it."""
    yield from _fields(good, applicant)
    yield from _signers(good)
    for name, changed in _extensions().items():
        found = good.extensions | changed
        yield name, replace(good, extensions={oid: encoded for oid, encoded in found.items() if encoded})
    yield "no-extensions", replace(good, extensions={})
    swapped = dict(reversed(good.extensions.items()))
    yield "extensions-in-another-order", replace(good, extensions=swapped)


def _fields(good: CertificateDraft, applicant: Applicant) -> Iterator[tuple[str, CertificateDraft]]:
    second = timedelta(seconds=1)
    victim = replace(applicant, common_name=ANOTHER_ID)
    yield "serial-2", replace(good, serial=2)
    yield "serial-one-more", replace(good, serial=good.serial + 1)
    yield "begins-earlier", replace(good, not_before=good.not_before - second)
    yield "ends-later", replace(good, not_after=good.not_after + second)
    yield "ends-in-20-years", replace(good, not_after=good.not_after + timedelta(days=7300))
    yield "ends-before-it-begins", replace(good, not_after=good.not_before - second)
    yield "subject-of-another", replace(good, subject=victim.name)
    yield "subject-in-another-order", replace(good, subject=der.sequence(*list(applicant.rdns.values())[::-1]))
    yield "subject-empty", replace(good, subject=der.EMPTY_SEQUENCE)
    yield "subject-with-another-ou", replace(good, subject=der.sequence(
        *applicant.rdns.values(), applicant.rdns["organizational unit"]))  # fmt: skip
    yield "issuer-is-subject", replace(good, issuer=good.subject)
    yield "another-key", replace(good, spki=keys.ecdsa(ec.SECP384R1).spki)
    yield "unique-identifier", replace(good, tail=der.element(0x82, b"\0x"))


def _signers(good: CertificateDraft) -> Iterator[tuple[str, CertificateDraft]]:
    stranger = keys.ecdsa(ec.SECP256R1)
    signer = good.signer
    flipped = replace(signer, sign=lambda data: signer.sign(data)[:-1] + bytes((signer.sign(data)[-1] ^ 1,)))
    yield "signed-by-another", replace(good, signer=stranger)
    yield "signature-flipped", replace(good, signer=flipped)
    yield "signature-of-nothing", replace(good, signer=replace(signer, sign=lambda _data: signer.sign(b"")))
    yield "named-sha1", replace(good, signer=replace(signer, algorithm=_ECDSA_WITH_SHA1))
    yield "named-sha384", replace(good, signer=replace(signer, algorithm=_ECDSA_WITH_SHA384))


def _extensions() -> dict[str, dict[str, bytes]]:
    """Extensions to be put in the place of the good ones, or beside them; an empty one takes the good one away."""
    critical, names = der.boolean(), der.sequence(der.element(0x82, b"localhost"))
    any_purpose = der.oid("2.5.29.37.0")
    other_key = key_identifier(b"another key")
    ca = der.sequence(der.boolean())
    return {
        "ca": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, ca, critical=critical)},
        "constraints-not-critical": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE)},
        "no-constraints": {BASIC_CONSTRAINTS: b""},
        "may-sign-certificates": {KEY_USAGE: extension(KEY_USAGE, der.bits(b"\x84", unused=2), critical=critical)},
        "may-encipher-keys": {KEY_USAGE: extension(KEY_USAGE, der.bits(b"\xa0", unused=5), critical=critical)},
        "usage-not-critical": {KEY_USAGE: extension(KEY_USAGE, der.bits(b"\x80", unused=7))},
        "no-usage": {KEY_USAGE: b""},
        "for-servers": {EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, der.sequence(der.SERVER_AUTH))},
        "for-both": {EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, der.sequence(der.CLIENT_AUTH, der.SERVER_AUTH))},
        "for-anything": {EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, der.sequence(der.CLIENT_AUTH, any_purpose))},
        "no-purposes": {EXTENDED_KEY_USAGE: extension(EXTENDED_KEY_USAGE, der.EMPTY_SEQUENCE)},
        "no-extended-usage": {EXTENDED_KEY_USAGE: b""},
        "aki-of-another": {_AKI: extension(_AKI, der.sequence(der.element(0x80, other_key)))},
        "aki-empty": {_AKI: extension(_AKI, der.EMPTY_SEQUENCE)},
        "no-aki": {_AKI: b""},
        "ski-of-another": {_SKI: extension(_SKI, der.octets(other_key))},
        "no-ski": {_SKI: b""},
        "names": {ALTERNATIVE_NAME: extension(ALTERNATIVE_NAME, names)},
        "no-check": {_NO_CHECK: extension(_NO_CHECK, der.NULL)},
        "unknown-critical": {"": extension("1.3.6.1.4.1.99999.10", der.NULL, critical=critical)},
        "usage-twice": {"": extension(KEY_USAGE, der.bits(b"\x80", unused=7), critical=critical)},
    }


def signer_of(private: ec.EllipticCurvePrivateKey) -> keys.Key:
    """A P-256 issuer as the signer of drafts."""
    sign = ec.ECDSA(hashes.SHA256())
    return replace(keys.ecdsa(), algorithm=keys.ECDSA_WITH_SHA256, sign=lambda data: private.sign(data, sign))
