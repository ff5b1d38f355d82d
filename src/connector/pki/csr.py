"""CSRs (PKCS #10, RFC 2986): from DER to a request that has been checked.

The cheapest checks come first, and the key is judged before OpenSSL computes with it:
size, structure, key, signature, subject, and, if the policy says so, the requested extensions.
"""

from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from connector.domain.refusals.csr import CSRMalformed, CSRSignatureInvalid, CSRTooLarge
from connector.pki import der, keys, requested, signatures
from connector.pki.keys import ALL_KINDS, KeyKind, PublicKey
from connector.pki.names import SubjectPolicy
from connector.pki.requested import Requested

MAX_CSR_OCTETS = 32 * 1024


@dataclass(frozen=True, slots=True)
class CSRPolicy:
    """The requirements for a CSR.

    ``keys``: the kinds of keys that are certified.
    ``sha1_proof``: a SHA-1 signature is taken as proof of possession of an RSA key. Some clients make no other, and
    the certificate is signed by the issuer's algorithm all the same.
    ``refuses``: a request for any of these is refused. Anything else that a CSR asks for is ignored.
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


def verify(encoded: bytes, *, policy: CSRPolicy, common_name: str) -> VerifiedRequest:
    """The request that ``encoded`` (its DER) is.

    Raises:
        BadCSR: one of its kinds, for the first fault in the order that the module names.
    """
    if len(encoded) > MAX_CSR_OCTETS:
        raise CSRTooLarge
    try:
        request = _read(encoded)
        extensions = requested.extensions(request.attributes)
        public_key = keys.accept(request.spki, policy.keys)
        _verify_signature(request, public_key, sha1_proof=policy.sha1_proof)
        subject = policy.subject.check(request.subject, common_name)
        if policy.refuses:
            requested.refuse(extensions, policy.refuses)
    except der.DERError as error:
        raise CSRMalformed(str(error)) from error
    return VerifiedRequest(subject, public_key, request.spki)


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
        raise CSRSignatureInvalid("its algorithm is not accepted for this key; SHA-256 is") from error
    except InvalidSignature as error:
        raise CSRSignatureInvalid("it does not fit the key") from error
