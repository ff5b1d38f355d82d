"""What the clients send: the octets of their requests, made before a phase begins."""

import json
import ssl
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, Hash
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

from bench.connection import request
from bench.server import AUDIENCE
from connector.client import make_csr, make_key
from connector.domain.pairing import TOKEN_PATH
from connector.pki.names import SubjectPolicy

CONNECTOR, DIRECTOR = "/connector/graphql", "/director/graphql"
LEGACY_PATH = "/v1/applications/certificates"
SUBJECT = SubjectPolicy("Org", "OrgUnit", "locality", "province", "DE")  # as the settings have it by default

_CONFIGURATION = (
    "query { result: configuration() { token { token } "
    "certificateSigningRequestInfo { subject keyAlgorithm } "
    "managementPlaneInfo { directorURL certificateSecuredConnectorURL } } }"
)
_SIGN = (
    'mutation { result: signCertificateSigningRequest(csr: "%s") { certificateChain caCertificate clientCertificate } }'
)
_REQUEST = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { token } }"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, ready for handshakes, and the subject that it renews under."""

    context: ssl.SSLContext
    subject: str


def graphql(query: str, variables: dict[str, Any] | None = None) -> bytes:
    """A GraphQL request's body, as the standard clients write it."""
    return json.dumps({"query": query, "variables": variables}).encode()


def result(answer: bytes) -> Any:
    """What the operation answered."""
    return json.loads(answer)["data"]["result"]


def subject(system_auth_id: str) -> str:
    """What the configuration tells about a CSR's subject."""
    return SUBJECT.text(system_auth_id)


def token_request(application: str, administrator: bytes) -> bytes:
    """An administrator asks for an application's token."""
    return request(DIRECTOR, graphql(_REQUEST, {"id": application}), administrator)


def verdict(der: bytes) -> bytes:
    """Nginx asks about its client's certificate."""
    body = b64encode(der).decode()
    lines = "".join(f"{body[start : start + 64]}\n" for start in range(0, len(body), 64))
    pem = quote(f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n", safe="")
    return f"GET /verdict/nginx HTTP/1.1\r\nHost: connector\r\nX-SSL-Client-Cert: {pem}\r\n\r\n".encode()


def ocsp_request(issuer: x509.Certificate, serial: int) -> bytes:
    """A verifier asks about a certificate, as OpenSSL does without a nonce."""
    algorithm, identifier = SHA1(), x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())  # noqa: S303 - as clients do
    digest = Hash(algorithm)
    digest.update(issuer.subject.public_bytes())
    asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(digest.finalize(), identifier.digest, serial, algorithm)
    return request("/ocsp", asked.build().public_bytes(Encoding.DER), media_type=b"application/ocsp-request")


def access_token(client_id: str, secret: str) -> bytes:
    """An OAuth 2.0 client asks for an access token, with HTTP Basic."""
    basic = b"Authorization: Basic %b\r\n" % b64encode(f"{client_id}:{secret}".encode())
    return request(TOKEN_PATH, b"grant_type=client_credentials", basic, b"application/x-www-form-urlencoded")


def identity_token() -> bytes:
    """The holder of a certificate asks for an identity token."""
    body = urlencode({"grant_type": "client_credentials", "audience": AUDIENCE}).encode()
    return request(TOKEN_PATH, body, b"", b"application/x-www-form-urlencoded")


def configuration(token: str) -> bytes:
    """The bearer of a token asks for its configuration, and gets the next token."""
    return request(CONNECTOR, graphql(_CONFIGURATION), _bearer(token))


def poll() -> bytes:
    """The holder of a certificate asks for its configuration, without a token."""
    return request(CONNECTOR, graphql(_CONFIGURATION.replace("token { token } ", "")))


def signing(token: str, csr: bytes) -> bytes:
    """The bearer of a token has a CSR signed."""
    return request(CONNECTOR, graphql(_SIGN % b64encode(csr).decode()), _bearer(token))


def legacy_signing(token: str, csr: bytes) -> bytes:
    """The bearer of a token has a CSR signed by the legacy REST API."""
    return request(f"{LEGACY_PATH}?token={token}", json.dumps({"csr": b64encode(csr).decode()}).encode())


def renewal(csr: bytes) -> bytes:
    """The holder of a certificate has the next one signed."""
    return request(CONNECTOR, graphql(_SIGN % b64encode(csr).decode()))


def new_csr(text: str) -> bytes:
    """A CSR for a key that nobody has seen yet, P-256."""
    return make_csr(make_key(), text)


async def enroll(token: str, text: str, context: ssl.SSLContext, root: Path, send: Any) -> Identity:
    """Have a key's CSR signed by ``send``, and load the certificate into ``context``."""
    key = make_key()
    chain = b64decode(result(await send(signing(token, make_csr(key, text))))["certificateChain"])
    with NamedTemporaryFile(dir=root) as file:
        file.write(chain + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        context.load_cert_chain(file.name)
    return Identity(context, text)


def _bearer(token: str) -> bytes:
    return f"Connector-Token: {token}\r\n".encode()
