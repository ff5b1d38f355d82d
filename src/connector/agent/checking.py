"""A chain is checked before it is put in use."""

from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from connector.agent.outcomes import ServerUntrusted
from connector.client.keys import PrivateKey, name


def check(chain: bytes, *, key: PrivateKey, subject: str, anchors: bytes | None) -> x509.Certificate:
    """The leaf of the chain (PEM), if it is a certificate for that key and subject, under one of the anchors.

    Without anchors, where the system's trust store vouches for the server, the chain has only to fit together. Whether
    it is valid now is left to those who meet it: this machine's clock may be wrong, and the server's is not.

    Raises:
        ServerUntrusted: it is not.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        _check_leaf(certificates[0], key, subject)
        for certificate, issuer in pairwise(certificates):
            certificate.verify_directly_issued_by(issuer)
        if anchors is not None:
            _check_anchored(certificates[-1], x509.load_pem_x509_certificates(anchors))
    except (ValueError, TypeError, IndexError, InvalidSignature) as error:
        reason = str(error) or "its signature does not fit"
        raise ServerUntrusted(
            "certificate_unfit",
            f"The certificate that the server sent is not put in use: {reason}. Tell the administrator.",
        ) from error
    return certificates[0]


def _check_leaf(leaf: x509.Certificate, key: PrivateKey, subject: str) -> None:
    if leaf.public_key() != key.public_key():
        raise ValueError("it is for another key")
    if set(leaf.subject) != set(name(subject)):
        raise ValueError("it is for another subject")


def _check_anchored(last: x509.Certificate, anchors: list[x509.Certificate]) -> None:
    for anchor in anchors:
        if last == anchor:
            return
        if last.issuer == anchor.subject:
            last.verify_directly_issued_by(anchor)
            return
    raise ValueError("it is not under the trust anchor")
