"""Subjects that are not the expected one, and the few spellings of the expected one that are."""

from collections.abc import Iterator
from dataclasses import replace

from tests.vectors import der
from tests.vectors.drafts import (
    ANOTHER_ID,
    ATTRIBUTES,
    COMMON_NAME,
    MARKER,
    Applicant,
    Vector,
    attribute,
    rdn,
    string,
)

from connector.domain.refusals.csr import BadCSR, CSRMalformed, CSRSubjectMismatch

_SERIAL_NUMBER = "2.5.4.5"
_TITLE = "2.5.4.12"
_STRANGERS = {
    "serial-number-of-another": (
        _SERIAL_NUMBER,
        der.printable(f"CN={ANOTHER_ID}"),
        "read as CN by regular expressions",
    ),
    "user-id": ("0.9.2342.19200300.100.1.1", der.utf8(ANOTHER_ID), "read as the user by some servers"),
    "domain-component": ("0.9.2342.19200300.100.1.25", der.element(0x16, MARKER.encode()), "DC"),
    "email-address": ("1.2.840.113549.1.9.1", der.element(0x16, b"a@example.com"), "emailAddress"),
    "unstructured-name": ("1.2.840.113549.1.9.2", der.utf8(MARKER), "an attribute of CSRs, not of names"),
    "title": (_TITLE, der.utf8(f"x, CN={ANOTHER_ID}"), "a value that escapes badly"),
    "unknown": ("1.3.6.1.4.1.99999.1", der.utf8(MARKER), "an attribute that nobody knows"),
}


def vectors(applicant: Applicant) -> Iterator[Vector]:
    """Each differs from the expected subject in one thing; the order and two string types do not matter."""
    yield from _accepted(applicant)
    for word in ATTRIBUTES:
        yield from _one_attribute(applicant, word)
    yield from _common_names(applicant)
    yield from _added(applicant)
    yield from _malformed(applicant)


def _vector(
    applicant: Applicant, name: str, subject: bytes, why: str, refusal: type[BadCSR] | None, says: str = ""
) -> Vector:
    text = replace(applicant.draft(), subject=subject).text()
    return Vector(f"subject-{name}", text, why, refusal, says)


def _accepted(applicant: Applicant) -> Iterator[Vector]:
    rdns, values = list(applicant.rdns.values()), applicant.values
    country_first = [rdns[4], *rdns[:4], rdns[5]]
    for name, order in (
        ("reversed", rdns[::-1]),
        ("country-first", country_first),
        ("common-name-first", [rdns[5], *rdns[:5]]),
    ):
        yield _vector(applicant, f"order-{name}", der.sequence(*order), "RFC 5280 has no order", None)
    for name, tag in (("utf8", 0x0C), ("printable", 0x13)):
        subject = der.sequence(
            *(rdn(ATTRIBUTES[word], der.element(tag, value.encode())) for word, value in values.items())
        )
        yield _vector(applicant, f"all-{name}", subject, "both DirectoryString types of RFC 5280 4.1.2.4", None)


def _one_attribute(applicant: Applicant, word: str) -> Iterator[Vector]:
    dotted, value, rdns = ATTRIBUTES[word], applicant.values[word], applicant.rdns
    own = rdns[word]
    slug = word.replace(" ", "-")
    hostile = rdn(dotted, string(word, "ZZ" if word == "country" else MARKER))
    invalid, absent = f"CSR: Invalid {word} provided.", f"CSR: No {word} provided."
    if word == "common name":
        absent = invalid
    for name, instead, why, says in (
        ("wrong", [hostile], "another value", invalid),
        ("missing", [], "not there", absent),
        ("twice", [own, own], "there twice, the same", invalid),
        ("right-then-wrong", [own, hostile], "readers that take the first see the right one", invalid),
        ("wrong-then-right", [hostile, own], "readers that take the last see the right one", invalid),
        ("two-in-one-rdn", [der.set_of(attribute(dotted, string(word, value)), attribute(dotted, string(word, "ZZ")))],
         "a multi-valued RDN", invalid),
        ("with-a-stranger", [der.set_of(attribute(dotted, string(word, value)), attribute(_TITLE, der.utf8(MARKER)))],
         "a multi-valued RDN", "CSR: Unexpected attribute provided."),
        ("empty", [rdn(dotted, string(word, ""))], "an empty value", invalid),
        ("padded", [rdn(dotted, string(word, value + " "))], "white space that a lenient comparison skips", invalid),
        ("other-case", [rdn(dotted, string(word, value.swapcase()))], "RFC 5280 7.1 folds case, we do not", invalid),
        ("nul", [rdn(dotted, der.utf8(value + "\0" + MARKER))], "a NUL ends the value for a reader in C", invalid),
        ("teletex", [rdn(dotted, der.element(0x14, value.encode()))], "decoded in several ways", invalid),
        ("ia5", [rdn(dotted, der.element(0x16, value.encode()))], "no DirectoryString", invalid),
        ("bmp", [rdn(dotted, der.element(0x1E, value.encode("utf-16-be")))], "decoded in several ways", invalid),
        ("universal", [rdn(dotted, der.element(0x1C, value.encode("utf-32-be")))], "decoded in several ways", invalid),
        ("octets", [rdn(dotted, der.octets(value.encode()))], "no string at all", invalid),
        ("constructed", [rdn(dotted, der.element(0x2C, der.utf8(value)))], "a string in pieces, which is BER", invalid),
    ):  # fmt: skip
        others = [encoded for other, encoded in rdns.items() if other != word]
        yield _vector(applicant, f"{slug}-{name}", der.sequence(*instead, *others), why, CSRSubjectMismatch, says)


def _common_names(applicant: Applicant) -> Iterator[Vector]:
    own = applicant.common_name
    others = list(applicant.rdns.values())[:-1]
    for name, value, why in (
        ("of-another", der.utf8(ANOTHER_ID), "somebody else's id"),
        ("after-nul", der.utf8(f"{MARKER}\0{own}"), "CVE-2009-2408, the right id at the end"),
        ("before-nul", der.utf8(f"{own}\0"), "CVE-2009-2408, and nothing after it"),
        ("leading-space", der.utf8(f" {own}"), "white space that a lenient comparison skips"),
        ("line-break", der.utf8(f"{own}\r\nSet-Cookie: {MARKER}"), "a header of its own"),
        ("html", der.utf8(f"{own}<script>{MARKER}</script>"), "a script for the console"),
        ("lookup", der.utf8(f"${{jndi:ldap://{MARKER}}}"), "a lookup for a logger"),
        ("slash", der.utf8(f"{own}/CN={ANOTHER_ID}"), "another attribute in OpenSSL's one-line form"),
        ("comma", der.utf8(f"{own},CN={ANOTHER_ID}"), "another attribute for clients that split"),
        ("plus", der.utf8(f"{own}+CN={ANOTHER_ID}"), "a multi-valued RDN in RFC 4514's form"),
        ("cyrillic", der.utf8(own.replace("e", "\u0435").replace("a", "\u0430")), "look-alike letters"),
        ("full-width", der.utf8(own.replace("0", "\uff10")), "equal under NFKC"),
        ("right-to-left", der.utf8(f"\u202e{own}"), "shown in another order"),
        ("zero-width", der.utf8(f"{own}\u200b"), "shown as if it were the right one"),
        ("bad-utf8", der.element(0x0C, own.encode() + b"\xff\xfe"), "no UTF-8"),
        ("overlong-utf8", der.element(0x0C, own.encode()[:-1] + b"\xc1\xa6"), "a letter in two octets"),
        ("bmp-odd", der.element(0x1E, b"\0a\0"), "half a character"),
        ("integer", der.integer(7), "no string at all"),
        ("null", der.NULL, "no string at all"),
        ("nested", der.sequence(der.utf8(own)), "a sequence around it"),
        ("65-characters", der.utf8(MARKER + "x" * 57), "RFC 5280 appendix A.1 allows 64"),
        ("10000-characters", der.utf8(MARKER * 1_250), "far more"),
    ):
        subject = der.sequence(*others, rdn(COMMON_NAME, value))
        says = "CSR: Invalid common name provided."
        yield _vector(applicant, f"cn-{name}", subject, why, CSRSubjectMismatch, says)


def _added(applicant: Applicant) -> Iterator[Vector]:
    rdns = list(applicant.rdns.values())
    unexpected = "CSR: Unexpected attribute provided."
    for name, (dotted, value, why) in _STRANGERS.items():
        stranger = rdn(dotted, value)
        for place, subject in (("first", [stranger, *rdns]), ("last", [*rdns, stranger])):
            yield _vector(applicant, f"{name}-{place}", der.sequence(*subject), why, CSRSubjectMismatch, unexpected)
    units = [rdn(ATTRIBUTES["organizational unit"], der.utf8(f"{MARKER}{number}")) for number in range(500)]
    for name, subject, why, says in (
        ("extra-ou", [*rdns, units[0]], "the original copied it", "CSR: Invalid organizational unit provided."),
        ("500-ous", [*rdns, *units], "many of them", "CSR: Invalid organizational unit provided."),
        ("empty", [], "no subject", "CSR: Invalid common name provided."),
        ("only-cn", rdns[-1:], "nothing but the id", "CSR: No country provided."),
        ("whole-name-twice", [*rdns, *rdns], "two names in one", "CSR: Invalid common name provided."),
    ):
        yield _vector(applicant, name, der.sequence(*subject), why, CSRSubjectMismatch, says)
    members = [attribute(ATTRIBUTES[word], string(word, value)) for word, value in applicant.values.items()]
    one_rdn = der.sequence(der.set_of(*members))
    yield _vector(applicant, "all-in-one-rdn", one_rdn, "six attributes, one RDN", CSRSubjectMismatch, unexpected)


def _malformed(applicant: Applicant) -> Iterator[Vector]:
    rdns = list(applicant.rdns.values())
    value = der.utf8(applicant.common_name)
    # 2.5.4.3 with its last arc in two octets, the first of them empty.
    padded = der.sequence(der.element(0x06, b"\x55\x04\x80\x03"), value)
    for name, subject, why in (
        ("empty-rdn", der.sequence(*rdns, der.EMPTY_SET), "RFC 5280: SET SIZE (1..MAX)"),
        ("rdn-is-sequence", der.sequence(*rdns[:-1], der.sequence(attribute(COMMON_NAME, value))), "not a set"),
        ("attribute-is-set", der.sequence(*rdns[:-1], der.set_of(der.element(0x31, der.oid(COMMON_NAME), value))),
         "not a sequence"),
        ("attribute-without-value", der.sequence(*rdns, der.set_of(der.sequence(der.oid(_TITLE)))), "half of one"),
        ("attribute-of-three", der.sequence(*rdns[:-1], der.set_of(der.sequence(der.oid(COMMON_NAME), value, value))),
         "two values"),
        ("padded-type", der.sequence(*rdns[:-1], der.set_of(padded)), "X.690 8.19.2: the shortest form"),
        ("type-is-integer", der.sequence(*rdns, der.set_of(der.sequence(der.integer(3), value))), "no identifier"),
        ("length-beyond-end", der.sequence(*rdns, b"\x31\x7f\x30\x00"), "a length that lies"),
        ("is-a-set", der.element(0x31, *rdns), "a Name is a sequence"),
    ):  # fmt: skip
        yield _vector(applicant, name, subject, why, CSRMalformed)
