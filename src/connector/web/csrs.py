"""CSRs as clients of the Connector API send them: base64 of PEM (RFC 7468)."""

import re
from base64 import b64decode, b64encode

from connector.domain.refusals.csr import CSRNotBase64, CSRNotPEM, CSRTooLarge
from connector.pki import der
from connector.pki.csr import MAX_CSR_OCTETS
from connector.usecases.admission import CertificateRequest


def request(text: str, key: str | None = None) -> CertificateRequest:
    """The request in the argument ``csr``, under the client's Idempotency-Key."""
    return CertificateRequest(text.encode(errors="surrogatepass"), read, key)


def read(sent: bytes) -> bytes:
    """The DER in base64 of one PEM block.

    Raises:
        CSRTooLarge, CSRNotBase64, CSRNotPEM: it is none.
    """
    return _decode_pem(_decode_base64(sent))


def _decode_base64(sent: bytes) -> bytes:
    if len(sent) > MAX_CSR_OCTETS:
        raise CSRTooLarge
    try:
        # Clients wrap the text; line ends are ignored, and nothing else.
        return _strict_base64(sent.replace(b"\r", b"").replace(b"\n", b""))
    except ValueError as error:
        raise CSRNotBase64 from error


def _strict_base64(encoded: bytes) -> bytes:
    decoded = b64decode(encoded, validate=True)
    # The decoder lets padding in excess pass, and bits that belong to no octet (RFC 4648 3.5).
    if b64encode(decoded) != encoded:
        raise ValueError("not the base64 of any octets")
    return decoded


# RFC 7468 7; the second is what old tools and keytool write.
_LABELS = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
_BEGIN = b"-----BEGIN "
# The body's alphabet has no "-", so that the match cannot go back and forth.
_PEM = re.compile(rb"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([A-Za-z0-9+/=\s]*)-----END \1-----")


def _decode_pem(data: bytes) -> bytes:
    """The DER of the one block. Text around it is ignored (RFC 7468 2): ``openssl req -text`` prints some.

    A second block is refused whatever its label, so that no two readers can take different ones.
    """
    block = _PEM.match(data, data.find(_BEGIN)) if data.count(_BEGIN) == 1 else None
    if block is None:
        raise CSRNotPEM(_pem_advice(data))
    try:
        return _strict_base64(b"".join(block[2].split()))
    except ValueError as error:
        raise CSRNotPEM("The PEM block's body is not base64.") from error


def _pem_advice(data: bytes) -> str:
    blocks = data.count(_BEGIN)
    if blocks == 0 and data[:1] == bytes((der.SEQUENCE,)):
        return "This is bare DER: send PEM (openssl req -inform DER)."
    if blocks == 0:
        return "Send a PEM block that begins with -----BEGIN CERTIFICATE REQUEST-----."
    if blocks > 1:
        return "Send exactly one PEM block."
    if not any(_BEGIN + label + b"-----" in data for label in _LABELS):
        return "The PEM block's label must be CERTIFICATE REQUEST."
    return "Send the PEM block as it is: base64 alone between its two lines."
