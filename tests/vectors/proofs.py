"""Signatures of CSRs: what proves that the client holds the key, and what does not."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.vectors import der, keys
from tests.vectors.drafts import MARKER, Applicant, Draft, Vector, pem, send

from connector.domain.refusals.csr import CSRMalformed, CSRSignatureInvalid

_ALGORITHM = "its algorithm is not accepted for this key"
_WRONG = "it does not fit the key"


def vectors(applicant: Applicant) -> Iterator[Vector]:
    """Each is a good CSR but for its signature."""
    yield from _accepted(applicant)
    for name, key, why in (*_algorithms(), *_identifiers()):
        yield Vector(f"signature-{name}", applicant.draft(key).text(), why, CSRSignatureInvalid, _ALGORITHM)
    for name, key, why in (*_wrong(), *_wrong_numbers()):
        yield Vector(f"signature-{name}", applicant.draft(key).text(), why, CSRSignatureInvalid, _WRONG)
    yield from _of_something_else(applicant)
    yield from _malformed(applicant.draft())


def sha1_rsa(applicant: Applicant) -> str:
    """What the Node client sends: its signature is by SHA-1."""
    return applicant.draft(_rsa(hashes.SHA1(), "1.2.840.113549.1.1.5", der.NULL)).text()  # noqa: S303 - the case itself


def _rsa(digest: hashes.HashAlgorithm, dotted: str, *parameters: bytes) -> keys.Key:
    private = keys.rsa_private(2048)
    algorithm = der.sequence(der.oid(dotted), *parameters)
    return replace(keys.rsa(2048), algorithm=algorithm, sign=lambda data: private.sign(data, PKCS1v15(), digest))


def _ecdsa(digest: hashes.HashAlgorithm, dotted: str, *parameters: bytes) -> keys.Key:
    private = keys.ec_private(ec.SECP256R1)
    algorithm = der.sequence(der.oid(dotted), *parameters)
    return replace(keys.ecdsa(), algorithm=algorithm, sign=lambda data: private.sign(data, ec.ECDSA(digest)))


def _accepted(applicant: Applicant) -> Iterator[Vector]:
    yield Vector("signature-rsa-sha1", sha1_rsa(applicant), "the Node client's, as proof of possession")
    for name, key, why in (
        ("rsa-sha384", _rsa(hashes.SHA384(), "1.2.840.113549.1.1.12", der.NULL), "SHA-2"),
        ("rsa-sha512", _rsa(hashes.SHA512(), "1.2.840.113549.1.1.13", der.NULL), "SHA-2"),
        ("rsa-no-null", _rsa(hashes.SHA256(), "1.2.840.113549.1.1.11"), "RFC 4055 5: accepted when absent"),
        ("ecdsa-sha384", _ecdsa(hashes.SHA384(), "1.2.840.10045.4.3.3"), "SHA-2, and longer than the curve"),
        ("ecdsa-sha512", _ecdsa(hashes.SHA512(), "1.2.840.10045.4.3.4"), "SHA-2, and longer than the curve"),
    ):
        yield Vector(f"signature-{name}", applicant.draft(key).text(), why)


def _algorithms() -> Iterator[tuple[str, keys.Key, str]]:
    private = keys.rsa_private(2048)
    pss = der.sequence(der.oid("1.2.840.113549.1.1.10"))
    yield "rsa-md5", _rsa(hashes.MD5(), "1.2.840.113549.1.1.4", der.NULL), "MD5"  # noqa: S303 - the case itself
    yield "rsa-sha224", _rsa(hashes.SHA224(), "1.2.840.113549.1.1.14", der.NULL), "less than SHA-256"
    yield "ecdsa-sha1", _ecdsa(hashes.SHA1(), "1.2.840.10045.4.1"), "SHA-1 is taken of RSA alone"  # noqa: S303 - as above
    yield "ecdsa-sha224", _ecdsa(hashes.SHA224(), "1.2.840.10045.4.3.1"), "less than SHA-256"

    def sign_pss(data: bytes) -> bytes:
        return private.sign(data, PSS(MGF1(keys.SHA256), 32), keys.SHA256)

    yield "rsa-pss", replace(keys.rsa(2048), algorithm=pss, sign=sign_pss), "PSS, whose parameters are a maze"


def _identifiers() -> Iterator[tuple[str, keys.Key, str]]:
    rsa, ecdsa, eddsa = keys.rsa(2048), keys.ecdsa(), keys.eddsa25519()
    for name, key, algorithm, why in (
        ("ecdsa-with-null", ecdsa, der.sequence(der.oid("1.2.840.10045.4.3.2"), der.NULL), "RFC 5758 3.2: none"),
        ("ed25519-with-null", eddsa, der.sequence(der.oid("1.3.101.112"), der.NULL), "RFC 8410 3: none"),
        ("rsa-with-words", rsa, der.sequence(der.oid("1.2.840.113549.1.1.11"), der.utf8(MARKER)), "no such parameter"),
        ("rsa-named-ecdsa", rsa, keys.ECDSA_WITH_SHA256, "another key type's algorithm"),
        ("ecdsa-named-rsa", ecdsa, keys.SHA256_WITH_RSA, "another key type's algorithm"),
        ("ed25519-named-ecdsa", eddsa, keys.ECDSA_WITH_SHA256, "another key type's algorithm"),
        ("ecdsa-named-ed25519", ecdsa, keys.ED25519, "another key type's algorithm"),
        ("named-rsa-encryption", rsa, der.sequence(der.oid(keys.RSA_ENCRYPTION), der.NULL), "no signature algorithm"),
        ("named-sha256", rsa, der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL), "a digest, no signature"),
        ("no-signature", ecdsa, der.sequence(der.oid("1.3.6.1.5.5.7.6.2")), "RFC 9925: unsigned"),
        ("hmac", ecdsa, der.sequence(der.oid("1.2.840.113549.2.9"), der.NULL), "a MAC, which proves nothing here"),
        ("unknown", ecdsa, der.sequence(der.oid("1.3.6.1.4.1.99999.4")), "nobody knows it"),
        ("no-identifier", ecdsa, der.EMPTY_SEQUENCE, "no algorithm at all"),
    ):  # fmt: skip
        yield f"algorithm-{name}", replace(key, algorithm=algorithm), why


def _changed(key: keys.Key, *, flip: int) -> keys.Key:
    """A key whose signatures have one bit flipped, in the octet ``flip``."""

    def sign(data: bytes) -> bytes:
        signature = bytearray(key.sign(data))
        signature[flip] ^= 1
        return bytes(signature)

    return replace(key, sign=sign)


def _fixed(signature: bytes, key: keys.Key | None = None) -> keys.Key:
    return replace(key or keys.ecdsa(), sign=lambda _data: signature)


def _wrong() -> Iterator[tuple[str, keys.Key, str]]:
    rsa, ecdsa, eddsa = keys.rsa(2048), keys.ecdsa(), keys.eddsa25519()
    other = ec.generate_private_key(ec.SECP256R1())
    other_ed = ed25519.Ed25519PrivateKey.generate()
    yield "ecdsa-by-another", replace(ecdsa, sign=lambda data: other.sign(data, ec.ECDSA(keys.SHA256))), "no possession"
    yield "ed25519-by-another", replace(eddsa, sign=other_ed.sign), "no possession"
    yield "rsa-by-another", replace(rsa, sign=keys.rsa(3072).sign), "no possession, and of another length"
    yield "rsa-flipped", _changed(rsa, flip=-1), "the last bit"
    yield "ecdsa-flipped", _changed(ecdsa, flip=-1), "the last bit"
    yield "ed25519-flipped", _changed(eddsa, flip=0), "the first octet"
    yield "rsa-empty", _fixed(b"", rsa), "nothing"
    yield "ecdsa-empty", _fixed(b""), "nothing"
    yield "ed25519-empty", _fixed(b"", eddsa), "nothing"
    yield "rsa-zeros", _fixed(bytes(256), rsa), "0, which is its own power"
    yield "rsa-one", _fixed(bytes(255) + b"\1", rsa), "1, which is its own power"
    yield "rsa-short", replace(rsa, sign=lambda data: rsa.sign(data)[1:]), "an octet less"
    yield "rsa-long", replace(rsa, sign=lambda data: b"\0" + rsa.sign(data)), "an octet more"
    yield "rsa-huge", _fixed(b"\xff" * 8_000, rsa), "8 000 octets"
    sha384 = _rsa(hashes.SHA384(), "1.2.840.113549.1.1.12", der.NULL)
    yield "rsa-other-digest", replace(rsa, sign=sha384.sign), "SHA-384 declared as SHA-256"


def _wrong_numbers() -> Iterator[tuple[str, keys.Key, str]]:
    """ECDSA-Sig-Value (RFC 3279 2.2.3) of r and s that are none."""
    ecdsa = keys.ecdsa()
    n = keys.P256_ORDER
    for name, r, s, why in (
        ("zeros", 0, 0, "CVE-2022-21449"),
        ("r-zero", 0, 1, "CVE-2022-21449"),
        ("s-zero", 1, 0, "CVE-2022-21449"),
        ("order", n, n, "0 modulo the order"),
        ("negative", -1, -1, "below 0"),
        ("huge", 2**20_000, 2**20_000, "5 000 octets"),
    ):
        yield f"ecdsa-{name}", _fixed(der.sequence(der.integer(r), der.integer(s))), why

    def plus_order(data: bytes) -> bytes:
        r, s = decode_dss_signature(ecdsa.sign(data))
        return der.sequence(der.integer(r + n), der.integer(s))

    yield "ecdsa-r-plus-order", replace(ecdsa, sign=plus_order), "right modulo the order"
    yield "ecdsa-trailing", replace(ecdsa, sign=lambda data: ecdsa.sign(data) + b"\0"), "an octet after it"


def _of_something_else(applicant: Applicant) -> Iterator[Vector]:
    draft = applicant.draft()
    parts = {
        "unsigned-extensions": replace(draft, attributes=der.element(0xA0, der.sequence(
            der.oid("1.2.840.113549.1.9.7"), der.set_of(der.utf8("x"))))),
        "another-key": replace(draft, key=keys.ecdsa(ec.SECP384R1)),
    }  # fmt: skip
    signature = der.bits(draft.key.sign(draft.info()))
    for name, changed in parts.items():
        text = send(pem(der.sequence(changed.info(), draft.key.algorithm, signature)))
        yield Vector(f"signature-of-{name}", text, "changed after it was signed", CSRSignatureInvalid, _WRONG)
    # The certificate's form of the same octets, signed: a signature for one thing must not serve for another.
    inner = der.bits(draft.key.sign(draft.info()[2:]))
    text = send(pem(der.sequence(draft.info(), draft.key.algorithm, inner)))
    yield Vector("signature-of-content", text, "signed without its identifier and length", CSRSignatureInvalid, _WRONG)


def _malformed(draft: Draft) -> Iterator[Vector]:
    info, algorithm = draft.info(), draft.key.algorithm
    signature = draft.key.sign(info)
    for name, field, why in (
        ("unused-bits", der.bits(signature[:-1] + b"\0", unused=3), "no whole octets"),
        ("unused-bits-9", der.bits(signature, unused=9), "more unused bits than an octet has"),
        ("no-octets", der.element(0x03), "a BIT STRING without its first octet"),
        ("octet-string", der.octets(signature), "an OCTET STRING"),
        ("constructed", der.element(0x23, der.bits(signature)), "a BIT STRING in pieces, which is BER"),
        ("missing", b"", "none"),
        ("twice", der.bits(signature) * 2, "two"),
    ):
        text = send(pem(der.sequence(info, algorithm, field)))
        yield Vector(f"signature-{name}", text, why, CSRMalformed)
