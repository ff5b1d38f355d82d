"""CSRs (PKCS #10, RFC 2986): from what a client sends to a request that has been checked.

What is checked first costs least, and the key is judged before OpenSSL computes with it:
size, base64, PEM, structure, key, signature, subject, and, if the policy says so, the requested extensions.
"""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from connector.domain.refusals.csr import CSRMalformed, CSRNotBase64, CSRNotPEM, CSRSignatureInvalid, CSRTooLarge
from connector.pki import der, keys, requested, signatures
from connector.pki.keys import ALL_KINDS, KeyKind, PublicKey
from connector.pki.names import SubjectPolicy
from connector.pki.requested import Requested

MAX_CSR_OCTETS = 32 * 1024


@dataclass(frozen=True, slots=True)
class CSRPolicy:
    """What a CSR must be.

    ``keys``: the kinds of keys that are certified.
    ``sha1_proof``: a SHA-1 signature is taken as proof of possession of an RSA key. Some clients make no other, and
    the certificate is signed by the issuer's algorithm all the same.
    ``refuses``: a request for any of these is refused. Whatever else a CSR asks for is ignored.
    """

    subject: SubjectPolicy
    keys: frozenset[KeyKind] = ALL_KINDS
    sha1_proof: bool = True
    refuses: frozenset[Requested] = frozenset()


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A CSR whose signature, key and subject have all been checked. ``spki`` is the key's DER, as it was sent."""

    subject: x509.Name
    public_key: PublicKey
    spki: bytes


def verify(text: str, *, policy: CSRPolicy, common_name: str) -> VerifiedRequest:
    """The request in ``text``: base64 of one PEM block.

    Raises:
        BadCSR: one of its kinds, for the first fault in the order that the module names.
    """
    encoded = _decode_pem(_decode_base64(text))
    try:
        request = _read(encoded)
        extensions = requested.extensions(request.attributes)
        public_key = keys.accept(request.spki, policy.keys)
        _verify_signature(request, public_key, sha1_proof=policy.sha1_proof)
        subject = policy.subject.check(request.subject, common_name)
        if policy.refuses:
            requested.refuse(extensions, policy.refuses)
    except der.DERError as error:
        raise CSRMalformed(f"{error}.") from error
    return VerifiedRequest(subject, public_key, request.spki)


# The argument


def _decode_base64(text: str) -> bytes:
    if len(text) > MAX_CSR_OCTETS:
        raise CSRTooLarge(f"Send at most {MAX_CSR_OCTETS} characters.", "Error while parsing CSR: too large.")
    try:
        # Clients wrap the text; line ends are ignored, and nothing else.
        return _strict_base64(text.replace("\r", "").replace("\n", "").encode("ascii"))
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


# The structure


class _Request(NamedTuple):
    """RFC 2986 4.2, in octets; ``signed`` is what the signature covers."""

    signed: bytes
    subject: bytes
    spki: bytes
    attributes: bytes
    algorithm: bytes
    signature: bytes


_VERSION_0 = der.encode_natural(0)
_PARTS = [der.INTEGER, der.SEQUENCE, der.SEQUENCE, der.CONTEXT_0]


def _read(encoded: bytes) -> _Request:
    signed, algorithm, signature = der.read(
        der.unwrap(encoded, der.SEQUENCE), der.SEQUENCE, der.SEQUENCE, der.BIT_STRING
    )
    parts = der.elements(signed.content)
    # Some clients leave the attributes out where RFC 2986 wants an empty set.
    if [part.tag for part in parts] not in (_PARTS, _PARTS[:-1]):
        raise der.DERError("not a PKCS #10 request")
    version, subject, spki, *attributes = parts
    if version.encoded != _VERSION_0:
        raise der.DERError("the version is not 0")
    return _Request(
        signed=signed.encoded,
        subject=subject.encoded,
        spki=spki.encoded,
        attributes=attributes[0].content if attributes else b"",
        algorithm=algorithm.encoded,
        signature=der.octets_of_bits(signature.content),
    )


# The signature


def _verify_signature(request: _Request, public_key: PublicKey, *, sha1_proof: bool) -> None:
    """Proof of possession. By hand, since the library's own answer is no to every SHA-1 signature."""
    try:
        signatures.verify(
            public_key,
            algorithm=request.algorithm,
            signature=request.signature,
            signed=request.signed,
            sha1=sha1_proof,
        )
    except signatures.AlgorithmError as error:
        raise CSRSignatureInvalid("its algorithm is not accepted for this key; SHA-256 is.") from error
    except InvalidSignature as error:
        raise CSRSignatureInvalid("it does not fit the key.") from error
