"""CSRs part by part, so that any one part can be replaced by what no library writes."""

from base64 import b64encode, encodebytes
from dataclasses import dataclass, field

from tests.vectors import der, keys
from tests.vectors.keys import Key

from connector.domain.refusals.csr import BadCSR
from connector.pki.names import SubjectPolicy

# Stands in every hostile text, so that a test can look for it in what is said of it.
MARKER = "bad00bad"
ANOTHER_ID = f"00000000-0000-4000-8000-0000{MARKER}"

COMMON_NAME = "2.5.4.3"
ATTRIBUTES = {
    "organization": "2.5.4.10",
    "organizational unit": "2.5.4.11",
    "locality": "2.5.4.7",
    "province": "2.5.4.8",
    "country": "2.5.4.6",
    "common name": COMMON_NAME,
}
NO_ATTRIBUTES = der.element(0xA0)


@dataclass(frozen=True, slots=True)
class Vector:
    """One CSR argument and the answer that it must get.

    ``refusal`` is None where a certificate is issued; ``strictly`` is then the answer under a policy that refuses
    requested extensions. ``says`` stands in the refusal's text, so that it is refused for its own fault.
    """

    name: str
    text: str = field(repr=False)
    why: str
    refusal: type[BadCSR] | None = None
    says: str = ""
    strictly: type[BadCSR] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A CSR (RFC 2986 4.2); each part is DER."""

    subject: bytes
    key: Key = field(default_factory=keys.ecdsa)
    attributes: bytes = NO_ATTRIBUTES
    version: bytes = der.integer(0)

    def info(self) -> bytes:
        """The part that is signed."""
        return der.sequence(self.version, self.subject, self.key.spki, self.attributes)

    def encoded(self) -> bytes:
        """The CSR's DER."""
        info = self.info()
        return der.sequence(info, self.key.algorithm, der.bits(self.key.sign(info)))

    def text(self) -> str:
        """What a client sends."""
        return send(pem(self.encoded()))


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whom the CSRs are for."""

    policy: SubjectPolicy
    common_name: str

    @property
    def values(self) -> dict[str, str]:
        """The six expected values, by the words of ``ATTRIBUTES``, in the order of the contract's text."""
        policy = self.policy
        shared = (policy.organization, policy.organizational_unit, policy.locality, policy.province, policy.country)
        return dict(zip(ATTRIBUTES, (*shared, self.common_name), strict=True))

    @property
    def rdns(self) -> dict[str, bytes]:
        """The six relative distinguished names, by the same words."""
        return {word: rdn(ATTRIBUTES[word], string(word, value)) for word, value in self.values.items()}

    @property
    def name(self) -> bytes:
        """The expected subject."""
        return der.sequence(*self.rdns.values())

    def draft(self, key: Key | None = None, attributes: bytes = NO_ATTRIBUTES) -> Draft:
        """A good CSR, of a P-256 key unless told another."""
        return Draft(self.name, key or keys.ecdsa(), attributes)


def string(word: str, value: str) -> bytes:
    """An attribute's value as RFC 5280 wants it: a country is a PrintableString."""
    return der.printable(value) if word == "country" else der.utf8(value)


def attribute(dotted: str, value: bytes) -> bytes:
    """An AttributeTypeAndValue."""
    return der.sequence(der.oid(dotted), value)


def rdn(dotted: str, value: bytes) -> bytes:
    """A relative distinguished name of one attribute."""
    return der.set_of(attribute(dotted, value))


def pem(encoded: bytes, label: str = "CERTIFICATE REQUEST") -> bytes:
    """The PEM of a CSR's DER."""
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), encodebytes(encoded), label.encode())


def send(data: bytes) -> str:
    """What a client sends: the PEM as one line of base64."""
    return b64encode(data).decode()
