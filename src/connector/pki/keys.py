"""Which public keys are certified. The library's own rules are few, so these are ours, each with its reason."""

from collections.abc import Callable, Mapping
from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from connector.domain.refusals.csr import CSRKeyRefused
from connector.pki import der, moduli

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


class KeyKind(Enum):
    """The kinds of keys that can be certified."""

    RSA = "RSA"
    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"
    ED25519 = "Ed25519"


ALL_KINDS = frozenset(KeyKind)

MIN_RSA_BITS = 2048
# OpenSSL's arithmetic takes seconds above (CVE-2023-6237).
MAX_RSA_BITS = 8192
RSA_EXPONENT = 65537

_RSA = der.object_identifier("1.2.840.113549.1.1.1")
_EC = der.object_identifier("1.2.840.10045.2.1")
_ED25519 = der.object_identifier("1.3.101.112")
_NULL = der.encode(der.NULL)

_REFUSED_ALGORITHMS: Mapping[bytes, str] = {
    der.object_identifier(dotted): name
    for dotted, name in (
        ("1.2.840.10040.4.1", "DSA"),
        ("1.2.840.113549.1.1.7", "RSAES-OAEP"),
        ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
        ("1.3.101.110", "X25519"),
        ("1.3.101.111", "X448"),
        ("1.3.101.113", "Ed448"),
        ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
        ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
    )
}
# The kind, and the length of one coordinate in octets, by the curve's object identifier.
_CURVES: Mapping[bytes, tuple[KeyKind, int]] = {
    der.object_identifier("1.2.840.10045.3.1.7"): (KeyKind.P256, 32),
    der.object_identifier("1.3.132.0.34"): (KeyKind.P384, 48),
    der.object_identifier("1.3.132.0.35"): (KeyKind.P521, 66),
}
_REFUSED_CURVES: Mapping[bytes, str] = {
    der.object_identifier(dotted): f"curve {name}"
    for dotted, name in (
        ("1.2.840.10045.3.1.1", "P-192"),
        ("1.3.132.0.33", "P-224"),
        ("1.3.132.0.10", "secp256k1"),
        ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
        ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
        ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
        ("1.2.156.10197.1.301", "SM2"),
    )
}


def accept(spki: bytes, kinds: frozenset[KeyKind] = ALL_KINDS) -> PublicKey:
    """The key in a SubjectPublicKeyInfo (its DER), if it is one that we certify, and of one of those kinds.

    All that is cheap is looked at before OpenSSL sees the key: it must not compute with explicit curve parameters
    (CVE-2022-0778) or huge moduli.

    Raises:
        CSRKeyRefused: by name of the fault.
    """
    try:
        algorithm, bits = der.read(der.unwrap(spki, der.SEQUENCE), der.SEQUENCE, der.BIT_STRING)
        first, *parameters = der.elements(algorithm.content)
        oid = der.identifier(first)
        key = der.octets_of_bits(bits.content)
        check = _CHECKS.get(oid)
        if check is None:
            raise CSRKeyRefused(_REFUSED_ALGORITHMS.get(oid, "an unknown algorithm"))
        kind = check(parameters, key)
        if kind not in kinds:
            raise CSRKeyRefused(f"{kind.value} is not certified here")
    except ValueError as error:
        raise CSRKeyRefused("not a well-formed SubjectPublicKeyInfo") from error
    return _load(spki)


def _load(spki: bytes) -> PublicKey:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CSRKeyRefused("not a point of its curve, or not a key at all") from error
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
        raise CSRKeyRefused("an unknown algorithm")
    # The certificate holds the library's encoding: it must be what the CSR's signature covered, octet for octet.
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
        raise CSRKeyRefused("an unusual encoding")
    return key


def _check_ec(parameters: list[der.Element], point: bytes) -> KeyKind:
    # RFC 5480 2.1.1: namedCurve, neither implicitCurve nor specifiedCurve.
    if len(parameters) != 1 or parameters[0].tag != der.OBJECT_IDENTIFIER:
        explicit = [parameter.tag for parameter in parameters] == [der.SEQUENCE]
        raise CSRKeyRefused("explicit curve parameters" if explicit else "no curve is named")
    curve = parameters[0].content
    if curve not in _CURVES:
        raise CSRKeyRefused(_REFUSED_CURVES.get(curve, "an unknown curve"))
    # SEC 1 2.3.3: 4, then both coordinates. 2 and 3 are compressed points, 6 and 7 hybrid ones.
    if point[:1] != b"\4":
        raise CSRKeyRefused("a curve point that is not in uncompressed form")
    kind, octets = _CURVES[curve]
    if len(point) != 1 + 2 * octets:
        raise CSRKeyRefused("a curve point of the wrong length")
    return kind


def _check_ed25519(parameters: list[der.Element], key: bytes) -> KeyKind:
    # RFC 8410 3: the parameters are absent.
    if parameters or len(key) != _ED25519_OCTETS:
        raise CSRKeyRefused("an unusual encoding")
    y = int.from_bytes(key, "little") & _ED25519_Y
    # Anybody can sign for a point of small order, so such a signature proves nothing. RFC 8032 5.1.3: y below p.
    if y in _ED25519_SMALL_ORDER or y >= _ED25519_P:
        raise CSRKeyRefused("an Ed25519 point of small order")
    return KeyKind.ED25519


_ED25519_OCTETS = 32
_ED25519_P = 2**255 - 19
_ED25519_Y = 2**255 - 1  # the top bit is the sign of x
_ED25519_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# The y of the points of order 1, 2, 4 and 8.
_ED25519_SMALL_ORDER = frozenset((1, _ED25519_P - 1, 0, _ED25519_ORDER_8, _ED25519_P - _ED25519_ORDER_8))


def _check_rsa(parameters: list[der.Element], key: bytes) -> KeyKind:
    # RFC 3279 2.3.1: the parameters are NULL.
    if [parameter.encoded for parameter in parameters] != [_NULL]:
        raise CSRKeyRefused("an unusual encoding")
    modulus, exponent = der.read(der.unwrap(key, der.SEQUENCE), der.INTEGER, der.INTEGER)
    n = der.natural(modulus.content)
    bits = n.bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise CSRKeyRefused(f"RSA of {bits} bits")
    if der.natural(exponent.content) != RSA_EXPONENT:
        raise CSRKeyRefused(f"an RSA exponent other than {RSA_EXPONENT}")
    fault = moduli.fault(n)
    if fault:
        raise CSRKeyRefused(fault)
    return KeyKind.RSA


_CHECKS: Mapping[bytes, Callable[[list[der.Element], bytes], KeyKind]] = {
    _RSA: _check_rsa,
    _EC: _check_ec,
    _ED25519: _check_ed25519,
}
