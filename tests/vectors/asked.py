"""What a CSR asks for beside its key (RFC 2986 attributes, extensions in them): ignored, refused, or malformed."""

from collections.abc import Iterator

from tests.vectors import der
from tests.vectors.drafts import ANOTHER_ID, MARKER, NO_ATTRIBUTES, Applicant, Vector, rdn

from connector.domain.refusals.csr import CSRExtensionRefused, CSRMalformed

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_EXTENSION_REQUEST_OF_MICROSOFT = "1.3.6.1.4.1.311.2.1.14"
_CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"  # noqa: S105 - an attribute's identifier
_UNSTRUCTURED_NAME = "1.2.840.113549.1.9.2"

BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
EXTENDED_KEY_USAGE = "2.5.29.37"
ALTERNATIVE_NAME = "2.5.29.17"

_CA = der.sequence(der.boolean())
_ANY_PURPOSE = der.oid("2.5.29.37.0")


def vectors(applicant: Applicant) -> Iterator[Vector]:
    """Each is a good CSR but for its attributes."""
    yield from _harmless(applicant)
    yield from _too_much(applicant)
    yield from _malformed_values(applicant)
    yield from _malformed(applicant)
    # Some clients leave the field out where RFC 2986 wants an empty set.
    yield Vector("attributes-left-out", applicant.draft(attributes=b"").text(), "seen of real clients")


def extension(dotted: str, value: bytes, *, critical: bytes = b"") -> bytes:
    """An Extension (RFC 5280 4.1); ``critical`` is the flag's DER, if it is there."""
    return der.sequence(der.oid(dotted), critical, der.octets(value))


def attribute(dotted: str, *values: bytes) -> bytes:
    """An Attribute (RFC 2986 4.1)."""
    return der.sequence(der.oid(dotted), der.set_of(*values))


def attributes(*members: bytes) -> bytes:
    """The CSR's attributes field."""
    return der.element(0xA0, *members)


def asking_for(*extensions: bytes) -> bytes:
    """The attributes of a CSR that asks for the extensions."""
    return attributes(attribute(_EXTENSION_REQUEST, der.sequence(*extensions)))


def _usage(*octets: int, unused: int) -> bytes:
    return extension(KEY_USAGE, der.bits(bytes(octets), unused=unused), critical=der.boolean())


def _purposes(*purposes: bytes) -> bytes:
    return extension(EXTENDED_KEY_USAGE, der.sequence(*purposes))


def _names(*names: bytes) -> bytes:
    return extension(ALTERNATIVE_NAME, der.sequence(*names))


def _dns(text: str) -> bytes:
    return der.element(0x82, text.encode())


def _harmless(applicant: Applicant) -> Iterator[Vector]:
    directory_name = der.element(0xA4, der.sequence(rdn("2.5.4.3", der.utf8(ANOTHER_ID))))
    for name, field, why in (
        ("no-extension", asking_for(), "an empty list"),
        ("ca-false", asking_for(extension(BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE)), "an end entity"),
        ("usage-client", asking_for(_usage(0b1010_0000, unused=5)), "what templates of openssl hold"),
        ("client-auth", asking_for(_purposes(der.CLIENT_AUTH)), "what it gets"),
        ("client-and-server", asking_for(_purposes(der.SERVER_AUTH, der.CLIENT_AUTH)), "it gets the one"),
        ("ski", asking_for(extension("2.5.29.14", der.octets(MARKER.encode()))), "a key identifier of its own choice"),
        ("dns", asking_for(_names(_dns("localhost"), _dns(f"*.{MARKER}"))), "names that it does not get"),
        ("ip", asking_for(_names(der.element(0x87, b"\x7f\0\0\1"))), "an address that it does not get"),
        ("email", asking_for(_names(der.element(0x81, b"root@example.com"))), "a mailbox that it does not get"),
        ("uri", asking_for(_names(der.element(0x86, f"spiffe://{MARKER}/a".encode()))), "an identity of elsewhere"),
        ("directory-name", asking_for(_names(directory_name)), "another id, among the names"),
        ("other-name", asking_for(_names(der.element(0xA0, der.oid("1.3.6.1.4.1.311.20.2.3"),
                                                     der.element(0xA0, der.utf8(MARKER))))), "a user of Windows"),
        ("edi-party", asking_for(_names(der.element(0xA5, der.element(0xA1, der.utf8(MARKER))))), "read by no library"),
        ("dns-nul", asking_for(_names(_dns(f"localhost\0.{MARKER}"))), "a NUL in a name"),
        ("no-name", asking_for(_names()), "an empty list of names"),
        ("500-names", asking_for(_names(*(_dns(f"{MARKER}{number}") for number in range(500)))), "many names"),
        ("challenge-password", attributes(attribute(_CHALLENGE_PASSWORD, der.utf8(MARKER))), "a secret to be dropped"),
        ("unstructured-name", attributes(attribute(_UNSTRUCTURED_NAME, der.utf8(MARKER))), "an attribute of old tools"),
        ("unknown-attribute", attributes(attribute("1.3.6.1.4.1.99999.5", der.integer(1), der.utf8(MARKER))),
         "an attribute that nobody knows"),
        ("500-attributes", attributes(*(attribute(f"1.3.6.1.4.1.99999.6.{n}", der.NULL) for n in range(500))), "many"),
    ):  # fmt: skip
        yield Vector(f"asks-{name}", applicant.draft(attributes=field).text(), why)


def _too_much(applicant: Applicant) -> Iterator[Vector]:
    thousand = [der.oid(f"1.3.6.1.4.1.99999.7.{number}") for number in range(1000)]
    responder = "1.3.6.1.5.5.7.48.1"
    address = der.sequence(der.sequence(der.oid(responder), der.element(0x86, f"http://127.0.0.1/{MARKER}".encode())))
    critical, ca, usage = der.boolean(), "basicConstraints of a CA", "keyUsage of a CA"
    purpose, unknown = "extendedKeyUsage without clientAuth", "an unknown extension"
    for name, asked, why, says in (
        ("ca", extension(BASIC_CONSTRAINTS, _CA), "CA:TRUE", ca),
        ("ca-critical", extension(BASIC_CONSTRAINTS, _CA, critical=critical), "CA:TRUE", ca),
        ("ca-path", extension(BASIC_CONSTRAINTS, der.sequence(der.boolean(), der.integer(0))), "with a path", ca),
        ("ca-path-only", extension(BASIC_CONSTRAINTS, der.sequence(der.integer(0))), "a path length of no CA", ca),
        ("ca-false-written", extension(BASIC_CONSTRAINTS, der.sequence(der.boolean(0))), "BER: the default", ca),
        ("cert-sign", _usage(0b0000_0100, unused=2), "keyCertSign", usage),
        ("crl-sign", _usage(0b0000_0010, unused=1), "cRLSign", usage),
        ("all-usages", _usage(0xFF, 0x80, unused=7), "all nine", usage),
        ("server-auth", _purposes(der.SERVER_AUTH), "a server", purpose),
        ("any-purpose", _purposes(_ANY_PURPOSE), "everything", purpose),
        ("ocsp-signing", _purposes(der.oid("1.3.6.1.5.5.7.3.9")), "to answer for the CA", purpose),
        ("code-signing", _purposes(der.oid("1.3.6.1.5.5.7.3.3")), "to sign programs", purpose),
        ("smart-card", _purposes(der.oid("1.3.6.1.4.1.311.20.2.2")), "to log in to Windows", purpose),
        ("1000-purposes", _purposes(*thousand), "many", purpose),
        ("name-constraints", extension("2.5.29.30", der.sequence(der.element(0xA0)), critical=critical), "for a CA",
         "nameConstraints"),
        ("policy-constraints", extension("2.5.29.36", der.sequence(der.element(0x80, b"\0"))), "for a CA",
         "policyConstraints"),
        ("policy-mappings", extension("2.5.29.33", der.EMPTY_SEQUENCE), "for a CA", "policyMappings"),
        ("any-policy", extension("2.5.29.54", der.integer(0), critical=critical), "for a CA", "inhibitAnyPolicy"),
        ("policies", extension("2.5.29.32", der.sequence(der.sequence(der.oid("2.5.29.32.0")))), "anyPolicy", unknown),
        ("aki", extension("2.5.29.35", der.sequence(der.element(0x80, MARKER.encode()))), "another issuer",
         "authorityKeyIdentifier"),
        ("aia", extension("1.3.6.1.5.5.7.1.1", address), "an address to fetch (CVE-2026-21945)", "authorityInfoAccess"),
        ("no-check", extension("1.3.6.1.5.5.7.48.1.5", der.NULL), "never to be asked about", "ocsp-nocheck"),
        ("poison", extension("1.3.6.1.4.1.11129.2.4.3", der.NULL, critical=critical), "a precertificate",
         "Certificate Transparency poison"),
        ("application-policies", extension("1.3.6.1.4.1.311.21.10", der.sequence(der.sequence(_ANY_PURPOSE))),
         "CVE-2024-49019", "application policies"),
        ("unknown-critical", extension("1.3.6.1.4.1.99999.8", der.utf8(MARKER), critical=critical), "unknown", unknown),
        ("unknown", extension("1.3.6.1.4.1.99999.8", der.utf8(MARKER)), "unknown", unknown),
    ):  # fmt: skip
        text = applicant.draft(attributes=asking_for(asked)).text()
        yield Vector(f"asks-{name}", text, why, says=says, strictly=CSRExtensionRefused)
    microsoft = attributes(attribute(_EXTENSION_REQUEST_OF_MICROSOFT, der.sequence(extension(BASIC_CONSTRAINTS, _CA))))
    text = applicant.draft(attributes=microsoft).text()
    yield Vector("asks-ca-of-microsoft", text, "by another identifier", says=ca, strictly=CSRExtensionRefused)


def _malformed_values(applicant: Applicant) -> Iterator[Vector]:
    """What is read only where a policy refuses extensions: else it is ignored, well-formed or not."""
    for name, dotted, value, why in (
        ("ca-no-sequence", BASIC_CONSTRAINTS, der.boolean(), "a bare flag"),
        ("ca-trailing", BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE + b"\0", "an octet after it"),
        ("ca-nothing", BASIC_CONSTRAINTS, b"", "no value"),
        ("usage-no-bits", KEY_USAGE, der.octets(b"\x06"), "an OCTET STRING"),
        ("usage-two", KEY_USAGE, der.bits(b"\x80", unused=7) + der.bits(b"\x06", unused=1), "two values"),
    ):
        text = applicant.draft(attributes=asking_for(extension(dotted, value))).text()
        yield Vector(f"asks-{name}", text, why, strictly=CSRMalformed)


def _malformed(applicant: Applicant) -> Iterator[Vector]:
    plain, ca = extension(BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE), extension(BASIC_CONSTRAINTS, _CA)
    request = attribute(_EXTENSION_REQUEST, der.sequence(plain))
    other_request = attribute(_EXTENSION_REQUEST_OF_MICROSOFT, der.sequence(ca))
    password = attribute(_CHALLENGE_PASSWORD, der.utf8(MARKER))
    value = der.octets(der.EMPTY_SEQUENCE)
    flags = {
        "critical-false": der.boolean(0),
        "critical-1": der.boolean(1),
        "critical-two-octets": der.element(1, b"\xff\xff"),
        "critical-empty": der.element(1),
        "critical-twice": der.boolean() * 2,
        "critical-integer": der.integer(1),
    }
    for name, flag in flags.items():
        field = asking_for(extension(BASIC_CONSTRAINTS, der.EMPTY_SEQUENCE, critical=flag))
        yield Vector(f"asks-{name}", applicant.draft(attributes=field).text(), "not DER's TRUE", CSRMalformed)
    for name, field, why in (
        ("extension-twice", asking_for(plain, ca), "which one counts?"),
        ("extension-twice-same", asking_for(plain, plain), "RFC 5280 4.2: once"),
        ("no-purpose", asking_for(_purposes()), "RFC 5280: SIZE (1..MAX), CVE-2026-40097"),
        ("purposes-no-sequence", asking_for(extension(EXTENDED_KEY_USAGE, der.CLIENT_AUTH)), "a bare purpose"),
        ("two-requests", attributes(request, attribute(_EXTENSION_REQUEST, der.sequence(ca))), "which one counts?"),
        ("two-kinds-of-request", attributes(request, other_request), "which one counts?"),
        ("two-values", attributes(attribute(_EXTENSION_REQUEST, der.sequence(plain), der.sequence(ca))), "which?"),
        ("no-value", attributes(attribute(_EXTENSION_REQUEST)), "an empty set"),
        ("unknown-no-value", attributes(attribute("1.3.6.1.4.1.99999.5")), "an empty set of what nobody knows"),
        ("request-is-set", attributes(attribute(_EXTENSION_REQUEST, der.set_of(plain))), "not a sequence"),
        ("extension-is-set", asking_for(der.set_of(der.oid(BASIC_CONSTRAINTS), value)), "not a sequence"),
        ("extension-no-value", asking_for(der.sequence(der.oid(BASIC_CONSTRAINTS))), "half of one"),
        ("extension-no-type", asking_for(der.sequence(value)), "half of one"),
        ("extension-of-three", asking_for(der.sequence(der.oid(BASIC_CONSTRAINTS), value, value)), "two values"),
        ("extension-swapped", asking_for(der.sequence(value, der.oid(BASIC_CONSTRAINTS))), "the value first"),
        ("password-twice", attributes(password, password), "RFC 2985: single-valued"),
        ("password-two-values", attributes(attribute(_CHALLENGE_PASSWORD, der.utf8("a"), der.utf8("b"))), "which?"),
        ("password-integer", attributes(attribute(_CHALLENGE_PASSWORD, der.integer(1))), "no text"),
        ("attribute-no-set", attributes(der.sequence(der.oid(_CHALLENGE_PASSWORD), der.utf8("a"))), "the bare value"),
        ("attribute-empty", attributes(der.EMPTY_SEQUENCE), "neither type nor value"),
        ("attribute-no-sequence", attributes(der.NULL), "no attribute"),
        ("attributes-twice", NO_ATTRIBUTES * 2, "two fields"),
        ("attributes-as-set", der.EMPTY_SET, "without its tag"),
        ("attributes-primitive", der.element(0x80), "the tag without its constructed bit"),
        ("huge-identifier", asking_for(der.sequence(der.element(6, b"\xff" * 9_000 + b"\x7f"), value)),
         "quadratic to print (CVE-2020-10735)"),
        ("padded-identifier", asking_for(der.sequence(der.element(6, b"\x55\x1d\x80\x13"), value)), "X.690 8.19.2"),
    ):  # fmt: skip
        yield Vector(f"asks-{name}", applicant.draft(attributes=field).text(), why, CSRMalformed)
