"""Certificates as the GraphQL contract carries them: base64 of PEM."""

from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

# RFC 7468 2: lines of 64 characters.
_LINE = 64


class EncodedChain(NamedTuple):
    """The fields of the contract's CertificationResult, each one line of standard base64 with padding."""

    client_certificate: str
    ca_certificate: str
    certificate_chain: str


def pem(certificate: bytes) -> str:
    """The PEM (RFC 7468 5) of a certificate's DER."""
    text = b64encode(certificate).decode("ascii")
    lines = (text[start : start + _LINE] for start in range(0, len(text), _LINE))
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))


def encode(leaf: bytes, above: Sequence[bytes]) -> EncodedChain:
    """The chain, leaf first, from the DER of the leaf and of the CAs above it. The trust anchor is handed out apart."""
    leaf_pem, issuing_pem = pem(leaf), "".join(pem(each) for each in above)
    return EncodedChain(_base64(leaf_pem), _base64(issuing_pem), _base64(leaf_pem + issuing_pem))


def _base64(text: str) -> str:
    return b64encode(text.encode("ascii")).decode("ascii")
