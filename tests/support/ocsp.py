"""OCSP requests: good ones by the library, and those that it would not make."""

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from connector.pki import der

NONCE = "1.3.6.1.5.5.7.48.1.2"


def by_library(
    issuer: x509.Certificate,
    serial: int,
    *,
    algorithm: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """A request about the issuer's certificate with this serial number."""
    chosen = algorithm or hashes.SHA1()  # noqa: S303 - as clients do
    spki = der.elements(
        der.unwrap(issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), der.SEQUENCE)
    )
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        _digest(chosen, issuer.subject.public_bytes()),
        _digest(chosen, der.octets_of_bits(spki[1].content)),
        serial,
        chosen,
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _digest(algorithm: hashes.HashAlgorithm, octets: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(octets)
    return digest.finalize()


def certificate_id(serial: int = 7, digest: str = "1.3.14.3.2.26", octets: int = 20) -> bytes:
    """A CertID of an issuer that nobody is."""
    algorithm = der.encode(der.SEQUENCE, _oid(digest), der.encode(der.NULL))
    number = serial.to_bytes(max(1, serial.bit_length() // 8 + 1), signed=True)
    hashed = [der.encode(der.OCTET_STRING, mark * octets) for mark in (b"n", b"k")]
    return der.encode(der.SEQUENCE, algorithm, *hashed, der.encode(der.INTEGER, number))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """An extension."""
    mark = der.encode(der.BOOLEAN, b"\xff") if critical else b""
    return der.encode(der.SEQUENCE, _oid(dotted), mark, der.encode(der.OCTET_STRING, value))


def question(identifier: bytes, *held: bytes) -> bytes:
    """A question with extensions of its own."""
    return der.encode(der.SEQUENCE, identifier, _extensions(der.CONTEXT_0, held))


def request(*questions: bytes, held: tuple[bytes, ...] = ()) -> bytes:
    """A request with these questions and extensions."""
    listed = der.encode(der.SEQUENCE, *questions)
    return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, listed, _extensions(der.CONTEXT_2, held)))


def _extensions(tag: int, held: tuple[bytes, ...]) -> bytes:
    return der.encode(tag, der.encode(der.SEQUENCE, *held)) if held else b""


def _oid(dotted: str) -> bytes:
    return der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(dotted))


_ONE = question(certificate_id())
_NULL = der.encode(der.NULL)


def nonce(octets: bytes, *, critical: bool = False) -> bytes:
    """A nonce's extension."""
    return extension(NONCE, der.encode(der.OCTET_STRING, octets), critical=critical)


MALFORMED: Mapping[str, bytes] = {
    "nothing": b"",
    "a zero": b"\0",
    "text": b"GET / HTTP/1.1",
    "no question": request(),
    "two questions": request(_ONE, question(certificate_id(8))),
    "the same question twice": request(_ONE, _ONE),
    "octets after it": request(_ONE) + b"\0",
    "cut": request(_ONE)[:-1],
    "an indefinite length": b"\x30\x80" + request(_ONE)[2:] + b"\0\0",
    "an unknown critical extension": request(_ONE, held=(extension("1.2.3.4", _NULL, critical=True),)),
    "an unknown critical extension of the question": request(
        question(certificate_id(), extension("1.2.3.4", _NULL, critical=True))
    ),
    "two nonces": request(_ONE, held=(nonce(b"a"), nonce(b"b"))),
    "an empty nonce": request(_ONE, held=(nonce(b""),)),
    "a nonce that is too long": request(_ONE, held=(nonce(bytes(129)),)),
    "a serial number of zero": request(question(certificate_id(0))),
    "a negative serial number": request(question(certificate_id(-7))),
    "a serial number that is too long": request(question(certificate_id(1 << 159))),
    "a serial number of 8 KB": request(question(certificate_id(1 << 65_000))),
    "acceptable responses that are none": request(_ONE, held=(extension("1.3.6.1.5.5.7.48.1.4", _NULL),)),
    "no CertID": request(der.encode(der.SEQUENCE)),
}
"""Requests that have no answer, by what is wrong with them."""

UNKNOWN: Mapping[str, bytes] = {
    "an issuer that nobody is": request(_ONE),
    "digests of an unknown algorithm": request(question(certificate_id(digest="1.2.3.4"))),
    "MD5": request(question(certificate_id(digest="1.2.840.113549.2.5", octets=16))),
    "SHA-512": request(question(certificate_id(digest="2.16.840.1.101.3.4.2.3", octets=64))),
    "digests of a wrong length": request(question(certificate_id(octets=3))),
    "a nonce of 128 octets": request(_ONE, held=(nonce(bytes(128)),)),
    "a critical nonce": request(_ONE, held=(nonce(b"n", critical=True),)),
    "an unknown extension": request(_ONE, held=(extension("1.2.3.4", _NULL),)),
    "an unknown extension of the question": request(question(certificate_id(), extension("1.2.3.4", _NULL))),
}
"""Requests that can be read, about issuers for which nobody here speaks."""
