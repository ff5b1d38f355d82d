"""CSRs as a client makes them, and the policy that they are held to."""

from base64 import b64encode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from connector.domain.refusals.csr import BadCSR
from connector.pki import csr
from connector.pki.csr import CSRPolicy, VerifiedRequest
from connector.pki.names import SubjectPolicy
from connector.web import csrs
from connector.web.original import in_original_words

SUBJECT = SubjectPolicy("Org", "OrgUnit", "locality", "province", "DE")
POLICY = CSRPolicy(SUBJECT)
COMMON_NAME = "6e3c1b2a-0000-4000-8000-00000000beef"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def make_csr(key: PrivateKey, *extensions: x509.ExtensionType, name: x509.Name | None = None) -> bytes:
    """A CSR in PEM for the expected subject, or another, that asks for the extensions."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(SUBJECT.name(COMMON_NAME) if name is None else name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


def send(pem: bytes) -> str:
    """The argument in which a client sends the PEM."""
    return b64encode(pem).decode()


def verify(text: str, *, policy: CSRPolicy, common_name: str) -> VerifiedRequest:
    """The request in what a client sends, read, checked and refused as the Connector API does it."""
    try:
        return csr.verify(csrs.read(text.encode(errors="surrogatepass")), policy=policy, common_name=common_name)
    except BadCSR as refusal:
        raise in_original_words(refusal) from refusal
