"""Octets that are no CSR (RFC 2986 4.2), or one that is not DER."""

from collections.abc import Iterator
from dataclasses import replace

from tests.vectors import der
from tests.vectors.drafts import MARKER, NO_ATTRIBUTES, Applicant, Draft, Vector, pem, send

from connector.domain.refusals.csr import CSRMalformed, CSRTooLarge

# So deep is what fits into the largest argument.
_DEEP = 9_000


def vectors(applicant: Applicant) -> Iterator[Vector]:
    """Each is in a good PEM block."""
    draft = applicant.draft()
    for name, encoded, why in (*_versions(draft), *_fields(draft), *_lengths(draft), *_no_csr(draft)):
        yield Vector(f"structure-{name}", send(pem(encoded)), why, CSRMalformed)
    for name, encoded, why in (
        ("200000-deep", b"\x30\x80" * 200_000, "200 000 nested indefinite SEQUENCEs"),
        ("megabyte-attribute", replace(draft, attributes=der.element(0xA0, der.sequence(
            der.oid("1.3.6.1.4.1.99999.9"), der.set_of(der.octets(bytes(2**20)))))).encoded(), "an attribute of 1 MiB"),
    ):  # fmt: skip
        yield Vector(f"structure-{name}", send(pem(encoded)), why, CSRTooLarge, "too large")


def _versions(draft: Draft) -> Iterator[tuple[str, bytes, str]]:
    for name, version, why in (
        ("1", der.integer(1), "there is only 0"),
        ("minus-1", der.integer(-1), "there is only 0"),
        ("huge", der.integer(2**4096), "513 octets"),
        ("padded", der.element(2, b"\0\0"), "0 in two octets"),
        ("empty", der.element(2), "0 in no octet"),
        ("boolean", der.boolean(0), "no INTEGER"),
        ("explicit", der.element(0xA0, der.integer(0)), "as certificates have it"),
        ("missing", b"", "none"),
        ("twice", der.integer(0) * 2, "two"),
    ):
        yield f"version-{name}", replace(draft, version=version).encoded(), why


def _fields(draft: Draft) -> Iterator[tuple[str, bytes, str]]:
    encoded, info, algorithm = draft.encoded(), draft.info(), draft.key.algorithm
    signature = der.bits(draft.key.sign(info))
    zero, subject, spki = draft.version, draft.subject, draft.key.spki

    def signed(*parts: bytes) -> bytes:
        changed = der.sequence(*parts)
        return der.sequence(changed, algorithm, der.bits(draft.key.sign(changed)))

    yield "trailing-octet", encoded + b"\0", "an octet after the CSR"
    yield "trailing-csr", encoded * 2, "a second CSR in the block"
    yield "trailing-inside", der.sequence(info, algorithm, signature, der.NULL), "a fourth field"
    yield "trailing-octet-inside", der.sequence(info, algorithm, signature, b"\0"), "half of a fourth field"
    yield "swapped", der.sequence(info, signature, algorithm), "fields in another order"
    yield "only-info", info, "without its signature"
    yield "set", der.element(0x31, info, algorithm, signature), "a SET"
    yield "no-subject", signed(zero, spki, NO_ATTRIBUTES), "three fields"
    yield "info-trailing", signed(zero, subject, spki, NO_ATTRIBUTES, der.NULL), "a fifth field"
    yield "info-swapped", signed(zero, subject, NO_ATTRIBUTES, spki), "fields in another order"
    yield "info-empty", signed(), "no fields"


def _lengths(draft: Draft) -> Iterator[tuple[str, bytes, str]]:
    encoded, info, algorithm = draft.encoded(), draft.info(), draft.key.algorithm
    signature = der.bits(draft.key.sign(info))
    content = info + algorithm + signature
    size = len(content)
    yield "indefinite", b"\x30\x80" + content + b"\0\0", "an indefinite length, which is BER"
    yield "indefinite-open", b"\x30\x80" + content, "an indefinite length without its end"
    yield "long-length", b"\x30\x83" + size.to_bytes(3) + content, "more length octets than needed"
    yield "nine-length-octets", b"\x30\x89" + size.to_bytes(9) + content, "more than any machine has"
    yield "reserved-length", b"\x30\xff" + content, "X.690 8.1.3.5 reserves it"
    yield "four-gigabytes", b"\x30\x84\xff\xff\xff\xff" + content, "a length beyond the end"
    yield "one-too-long", b"\x30\x82" + (size + 1).to_bytes(2) + content, "a length beyond the end"
    yield "one-too-short", b"\x30\x82" + (size - 1).to_bytes(2) + content, "a length before the end"
    yield "cut", encoded[:-1], "the last octet is missing"
    yield "only-header", encoded[:4], "nothing but a length"
    yield "half", encoded[: len(encoded) // 2], "half of it"


def _no_csr(draft: Draft) -> Iterator[tuple[str, bytes, str]]:
    certificate = der.sequence(
        der.element(0xA0, der.integer(2)), der.integer(1), draft.key.algorithm, draft.subject,
        der.sequence(der.element(0x17, b"260101000000Z"), der.element(0x17, b"270101000000Z")),
        draft.subject, draft.key.spki,
    )  # fmt: skip
    signed = der.sequence(certificate, draft.key.algorithm, der.bits(draft.key.sign(certificate)))
    yield "certificate", signed, "a certificate under a CSR's label"
    yield "spki", draft.key.spki, "nothing but a public key"
    yield "one-octet", b"\x30", "nothing but an identifier"
    yield "zeros", bytes(4096), "4 KiB of zeros"
    yield "ones", b"\xff" * 4096, "4 KiB of identifiers in high-tag form"
    yield "words", f"-- {MARKER} --".encode(), "text"
    yield "high-tag", b"\x3f\x81\x01\x00", "an identifier in high-tag form"
    yield "empty-sequence", der.EMPTY_SEQUENCE, "a SEQUENCE of nothing"
    yield "null", der.NULL, "NULL"
    yield "deep-indefinite", b"\x30\x80" * _DEEP, "nested as deep as is let in, with indefinite lengths"
    deep = b""
    for _ in range(_DEEP // 2):
        deep = der.sequence(deep)
    yield "deep", deep, "nested as deep as is let in"
    yield "wide", der.sequence(der.NULL * (_DEEP - 100)), "as many elements as are let in"
