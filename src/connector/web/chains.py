"""Certificates as the GraphQL contract carries them: base64 of PEM."""

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
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
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))


def encode(leaf: bytes, above: Sequence[bytes]) -> EncodedChain:
    """The chain, leaf first, from the DER of the leaf and of the CAs above it. The trust anchor is handed out apart."""
    leaf_pem = pem(leaf)
    above_pem, ca_certificate = _above(tuple(above))
    return EncodedChain(_base64(leaf_pem), ca_certificate, _base64(leaf_pem + above_pem))


@lru_cache(maxsize=16)
def _above(certificates: tuple[bytes, ...]) -> tuple[str, str]:
    """The CAs' PEM and its base64: the same for every certificate of an issuer."""
    text = "".join([pem(each) for each in certificates])
    return text, _base64(text)


def _base64(text: str) -> str:
    return b64encode(text.encode("ascii")).decode("ascii")
