"""Which keys are accepted, and by what name each other is refused."""

import secrets
from math import isqrt, prod

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.refusals.csr import CSRKeyRefused
from connector.pki import der, keys

RSA = "1.2.840.113549.1.1.1"
EC = "1.2.840.10045.2.1"
ED25519 = "1.3.101.112"
P256 = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.2.840.10045.3.1.7"))
NULL = der.encode(der.NULL)


def spki(oid: str, parameters: bytes, key: bytes) -> bytes:
    """A SubjectPublicKeyInfo."""
    identifier = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(oid))
    return der.encode(
        der.SEQUENCE, der.encode(der.SEQUENCE, identifier, parameters), der.encode(der.BIT_STRING, b"\0", key)
    )


def rsa_spki(n: int, e: int = 65537) -> bytes:
    """An RSA key's SubjectPublicKeyInfo."""
    return spki(RSA, NULL, der.encode(der.SEQUENCE, der.encode_natural(n), der.encode_natural(e)))


def encoded(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """The key as a SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def reason(key: bytes) -> str:
    """Why the key is refused."""
    with pytest.raises(CSRKeyRefused) as caught:
        keys.accept(key)
    return caught.value.fault


def probable_prime(bits: int) -> int:
    """A number that passes for a prime."""
    while True:
        candidate = secrets.randbits(bits) | 3 << bits - 2 | 1
        if all(candidate % small for small in range(3, 2000, 2)) and pow(2, candidate - 1, candidate) == 1:
            return candidate


@pytest.fixture(scope="module")
def modulus() -> int:
    """A good modulus of 2048 bits."""
    return rsa.generate_private_key(65537, 2048).public_key().public_numbers().n


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_nist_curves_are_accepted(curve: ec.EllipticCurve) -> None:
    """P-256, P-384 and P-521 are accepted, octet for octet."""
    key = encoded(ec.generate_private_key(curve).public_key())

    assert encoded(keys.accept(key)) == key


def test_ed25519_is_accepted() -> None:
    """Ed25519 is accepted."""
    key = encoded(ed25519.Ed25519PrivateKey.generate().public_key())

    assert encoded(keys.accept(key)) == key


def test_rsa_2048_is_accepted(modulus: int) -> None:
    """RSA of 2048 bits is the smallest accepted."""
    assert encoded(keys.accept(rsa_spki(modulus))) == rsa_spki(modulus)


def test_rsa_of_other_sizes(modulus: int) -> None:
    """RSA is accepted from 2048 to 8192 bits, and larger is refused before anything is computed with it."""
    second = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
    largest = modulus * second * modulus * second

    assert reason(rsa_spki((1 << 2047) - 1)) == "RSA of 2047 bits"
    assert reason(rsa_spki((1 << 8192) + 1)) == "RSA of 8193 bits"
    assert reason(rsa_spki((1 << 65535) + 1)) == "RSA of 65536 bits"
    # Four factors make a modulus of 8192 bits quickly; being a square, it is refused, but not for its size.
    assert reason(rsa_spki(largest)) == "an RSA modulus of two close primes (CVE-2022-26320)"
    assert keys.accept(rsa_spki(modulus * second))


@pytest.mark.parametrize("exponent", [1, 3, 17, 65535, 65539, 1 << 64])
def test_rsa_exponent_is_65537(modulus: int, exponent: int) -> None:
    """No other exponent is accepted."""
    assert reason(rsa_spki(modulus, exponent)) == "an RSA exponent other than 65537"


def test_factorable_moduli_are_refused_by_name(modulus: int) -> None:
    """Even, with a small factor, prime, square, of close primes: each has its own reason."""
    prime = probable_prime(1024)
    neighbour = next(
        candidate for candidate in range(prime + 2, prime + 2**16, 2) if pow(2, candidate - 1, candidate) == 1
    )

    assert reason(rsa_spki(modulus + 1)) == "an even RSA modulus"
    assert reason(rsa_spki(65521 * (modulus | 1))) == "an RSA modulus with a small factor"
    assert reason(rsa_spki(prime * prime)) == "an RSA modulus of two close primes (CVE-2022-26320)"
    assert reason(rsa_spki(prime * neighbour)) == "an RSA modulus of two close primes (CVE-2022-26320)"


def test_prime_modulus_is_refused() -> None:
    """A modulus that is a prime hides nothing: whoever has it has the private key. 2**2203 - 1 is one of Mersenne's."""
    assert reason(rsa_spki(2**2203 - 1)) == "an RSA modulus that is a prime"


def test_roca_modulus_is_refused() -> None:
    """A modulus of two factors k * M + 65537 ** a mod M has the fingerprint of CVE-2017-15361."""
    primes = [number for number in range(2, 702) if all(number % divisor for divisor in range(2, isqrt(number) + 1))]
    product = prod(primes)

    def factor() -> int:
        while True:
            power = pow(65537, secrets.randbits(128), product)
            candidate = (
                secrets.randbits(1024 - product.bit_length()) | 1 << 1023 - product.bit_length()
            ) * product + power
            if candidate.bit_length() == 1024 and candidate % 2 and candidate >> 1022 == 3:
                return candidate

    factors = [f for f in (factor() for _ in range(200)) if all(f % small for small in range(3, 65536, 2))]

    assert len(factors) >= 2, "about one in three has no small factor"
    assert reason(rsa_spki(factors[0] * factors[1])) == "an RSA modulus with the ROCA fingerprint (CVE-2017-15361)"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ed448.Ed448PrivateKey.generate().public_key(), "Ed448"),
        (x25519.X25519PrivateKey.generate().public_key(), "X25519"),
        (mldsa.MLDSA44PrivateKey.generate().public_key(), "ML-DSA-44"),
        (ec.generate_private_key(ec.SECP224R1()).public_key(), "curve P-224"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "curve secp256k1"),
        (ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), "curve brainpoolP256r1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_keys_are_refused_by_name(key: rsa.RSAPublicKey, name: str) -> None:
    """A good key of another kind is refused, and the refusal says of which."""
    assert reason(encoded(key)) == name


def test_keys_that_are_not_what_they_say() -> None:
    """Unknown algorithms, unknown curves, DSA and RSASSA-PSS are refused."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    octets = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    unknown = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.3.132.0.99"))

    assert reason(spki("1.2.3.4", b"", octets)) == "an unknown algorithm"
    assert reason(spki("1.2.840.10040.4.1", b"", octets)) == "DSA"
    assert reason(spki("1.2.840.113549.1.1.10", b"", octets)) == "RSASSA-PSS"
    assert reason(spki(EC, unknown, octets)) == "an unknown curve"


def test_curve_must_be_named() -> None:
    """Explicit parameters never reach OpenSSL's arithmetic (CVE-2022-0778), nor do implicit ones."""
    octets = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )

    assert reason(spki(EC, der.encode(der.SEQUENCE, der.encode_natural(1)), octets)) == "explicit curve parameters"
    assert reason(spki(EC, NULL, octets)) == "no curve is named"
    assert reason(spki(EC, b"", octets)) == "no curve is named"


def test_only_uncompressed_points_on_the_curve() -> None:
    """Compressed and hybrid points, points of another curve and points beside the curve are refused."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    good = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    compressed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    hybrid = bytes((6 + good[-1] % 2,)) + good[1:]

    assert reason(spki(EC, P256, compressed)) == "a curve point that is not in uncompressed form"
    assert reason(spki(EC, P256, hybrid)) == "a curve point that is not in uncompressed form"
    assert reason(spki(EC, P256, good[:-1])) == "a curve point of the wrong length"
    assert reason(spki(EC, P256, b"")) == "a curve point that is not in uncompressed form"
    beside = good[:-1] + bytes((good[-1] ^ 1,))
    assert reason(spki(EC, P256, beside)) == "not a point of its curve, or not a key at all"


def test_ed25519_of_small_order_is_refused() -> None:
    """For a key of small order anybody can sign, so that its signature would prove nothing."""
    p = 2**255 - 19
    order_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    for y in (0, 1, p - 1, order_8, p - order_8, p, p + 1, 2**255 - 1):
        for sign in (0, 1 << 255):
            assert reason(spki(ED25519, b"", (y | sign).to_bytes(32, "little"))) == "an Ed25519 point of small order"
    assert reason(spki(ED25519, b"", bytes(31))) == "an unusual encoding"
    assert reason(spki(ED25519, NULL, bytes(32))) == "an unusual encoding"


def test_parameters_of_rsa_are_null(modulus: int) -> None:
    """Absent parameters, or others, would be rewritten by the library, so they are refused."""
    key = der.encode(der.SEQUENCE, der.encode_natural(modulus), der.encode_natural(65537))

    assert reason(spki(RSA, b"", key)) == "an unusual encoding"
    assert reason(spki(RSA, NULL + NULL, key)) == "an unusual encoding"


def test_integers_of_rsa_are_der(modulus: int) -> None:
    """A modulus with a superfluous zero, or a negative one, is malformed."""
    octets = modulus.to_bytes(256)
    for content in (b"\0\0" + octets, octets, b""):
        key = der.encode(der.SEQUENCE, der.encode(der.INTEGER, content), der.encode_natural(65537))
        assert reason(spki(RSA, NULL, key)) == "not a well-formed SubjectPublicKeyInfo"


GOOD = encoded(ec.generate_private_key(ec.SECP256R1()).public_key())


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_changed_octet_is_refused_or_another_key(place: int, change: int) -> None:
    """What is accepted is encoded as it was given, whatever was changed."""
    changed = GOOD[:place] + bytes((GOOD[place] ^ change,)) + GOOD[place + 1 :]
    try:
        key = keys.accept(changed)
    except CSRKeyRefused:
        return
    assert encoded(key) == changed


@given(st.binary(max_size=300))
def test_garbage_is_refused(octets: bytes) -> None:
    """No octets raise anything but the refusal."""
    assert reason(octets)
