"""The external system's side: from a pairing string to a certificate, and everything after that over mutual TLS.

It needs nothing of the server, so that it installs alone. The root is trusted by the fingerprint in the pairing string,
and the token is sent only after that, over a verified connection.
"""

import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from connector.pairing import Pairing

TIMEOUT_SECONDS = 30.0
MAX_ROOT_OCTETS = 65536

_ATTRIBUTES = {
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "CN": NameOID.COMMON_NAME,
}

_CONFIGURATION = """
query {
  result: configuration {
    token { token }
    certificateSigningRequestInfo { subject keyAlgorithm }
    managementPlaneInfo { directorURL certificateSecuredConnectorURL }
  }
}"""
_SIGN = """
mutation ($csr: String!) {
  result: signCertificateSigningRequest(csr: $csr) { certificateChain caCertificate clientCertificate }
}"""
_REVOKE = "mutation { result: revokeCertificate }"
_VIEWER = "query { result: viewer { id type } }"


class Refused(Exception):  # noqa: N818 - named for what happened
    """The server refused. ``code`` is its stable code, the text its sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Untrusted(Exception):  # noqa: N818 - named for what happened
    """The server's root certificate is not the one that the pairing string names. Nothing was sent to it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the server tells: the next token, the subject for the CSR, and where to go from here."""

    token: str = field(repr=False)
    subject: str
    key_algorithm: str
    director_url: str
    connector_url: str


def fetch_root(pairing: Pairing) -> bytes:
    """The root certificate's PEM, fetched over a connection that nothing vouches for, and then held to the fingerprint.

    Raises:
        Untrusted: it is another one, or the pairing string names none.
        httpx2.HTTPError: the server cannot be reached.
    """
    if pairing.root_fingerprint is None:
        raise Untrusted("The pairing string names no root certificate. Ask for a new one.")
    address = urlsplit(pairing.connector_url)
    # The one connection without verification: what comes over it counts only by its SHA-256.
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    with (
        httpx2.Client(verify=unverified, timeout=TIMEOUT_SECONDS) as client,
        client.stream("GET", f"https://{address.netloc}/pki/root.crt") as answer,
    ):
        der = b""
        for piece in answer.iter_raw():
            der += piece
            if len(der) > MAX_ROOT_OCTETS:
                break
    if not compare_digest(sha256(der).digest(), pairing.root_fingerprint):
        raise Untrusted("The server's root certificate is not the one in the pairing string. Nothing was sent to it.")
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def make_key() -> EllipticCurvePrivateKey:
    """A new P-256 key."""
    return generate_private_key(SECP256R1())


def make_csr(key: EllipticCurvePrivateKey, subject: str) -> bytes:
    """A CSR's PEM for the subject as the configuration tells it."""
    pairs = (part.split("=", 1) for part in subject.split(","))
    name = x509.Name([x509.NameAttribute(_ATTRIBUTES[attribute], value) for attribute, value in pairs])
    csr = x509.CertificateSigningRequestBuilder(subject_name=name).sign(key, hashes.SHA256())
    return csr.public_bytes(Encoding.PEM)


class Client:
    """One way to call the server: with a token, or with a certificate. Use it as a context manager."""

    def __init__(self, *, root: bytes, token: str | None = None, identity: tuple[Path, Path] | None = None) -> None:
        """Trust ``root`` (PEM) alone; send ``token``, or come with ``identity`` (files of chain and key)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=root.decode("ascii"))
        if identity is not None:
            context.load_cert_chain(*identity)
        headers = {"Connector-Token": token} if token is not None else {}
        self._http = httpx2.Client(verify=context, headers=headers, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def configuration(self, url: str) -> Configuration:
        """Ask for the configuration; a token is spent for it."""
        answer = self.query(url, _CONFIGURATION)
        return Configuration(
            token=answer["token"]["token"],
            subject=answer["certificateSigningRequestInfo"]["subject"],
            key_algorithm=answer["certificateSigningRequestInfo"]["keyAlgorithm"],
            director_url=answer["managementPlaneInfo"]["directorURL"],
            connector_url=answer["managementPlaneInfo"]["certificateSecuredConnectorURL"],
        )

    def sign(self, url: str, csr: bytes) -> bytes:
        """Have the CSR's PEM signed: the chain's PEM, leaf first."""
        answer = self.query(url, _SIGN, {"csr": b64encode(csr).decode("ascii")})
        return b64decode(answer["certificateChain"], validate=True)

    def revoke(self, url: str) -> None:
        """Revoke the certificate with which this client calls."""
        self.query(url, _REVOKE)

    def viewer(self, url: str) -> tuple[str, str]:
        """Whom the Director takes the caller for: id and type."""
        answer = self.query(url, _VIEWER)
        return answer["id"], answer["type"]

    def query(
        self, url: str, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """What the document's one root field, aliased to ``result``, answers.

        Raises:
            Refused: the server said no.
            httpx2.HTTPError: the server cannot be reached, or the connection was refused.
        """
        answer = self._http.post(url, json={"query": query, "variables": variables}, headers=headers)
        try:
            content = answer.json()
        except ValueError as error:
            raise Refused("no_answer", f"The server did not answer in JSON (HTTP {answer.status_code}).") from error
        if content.get("errors"):
            first = content["errors"][0]
            raise Refused(first.get("extensions", {}).get("error", "unknown"), first["message"])
        return content["data"]["result"]
