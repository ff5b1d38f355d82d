"""Keys that are certified, and keys that nobody should certify.

A hostile key comes with a signature of another one: the key is judged first, so that the signature never matters.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count
from math import gcd, prod

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PublicFormat
from tests.vectors import der, keys
from tests.vectors.drafts import Applicant, Vector

from connector.domain.refusals.csr import CSRKeyRefused, CSRMalformed

_RSA = der.oid(keys.RSA_ENCRYPTION)
_EC = der.oid(keys.EC_PUBLIC_KEY)
_MALFORMED = "not a well-formed SubjectPublicKeyInfo"
_UNUSUAL = "an unusual encoding"


def vectors(applicant: Applicant) -> Iterator[Vector]:
    """Each is a good CSR but for its key."""
    for name, key, why in _accepted():
        yield Vector(f"key-{name}", applicant.draft(key).text(), why)
    yield Vector("key-rsa-1024", applicant.draft(keys.rsa(1024)).text(), "too short", CSRKeyRefused, "RSA of 1024 bits")
    exponent_3 = applicant.draft(keys.rsa(3072, 3)).text()
    yield Vector("key-rsa-e3", exponent_3, "an exponent of 3", CSRKeyRefused, "an RSA exponent other than 65537")
    ed448 = applicant.draft(keys.eddsa448()).text()
    yield Vector("key-ed448", ed448, "an algorithm that few clients take", CSRKeyRefused, "Ed448")
    for curve, says in ((ec.SECP192R1, "P-192"), (ec.SECP224R1, "P-224"), (ec.SECP256K1, "secp256k1"),
                        (ec.BrainpoolP256R1, "brainpoolP256r1")):  # fmt: skip
        text = applicant.draft(keys.ecdsa(curve)).text()
        yield Vector(f"key-{says.lower()}", text, "a curve that few clients take", CSRKeyRefused, f"curve {says}")
    for name, spki, why, says in (*_rsa(), *_ec(), *_other_algorithms(), *_small_orders()):
        text = applicant.draft(replace(keys.ecdsa(), spki=spki)).text()
        yield Vector(f"key-{name}", text, why, CSRKeyRefused, says)
    for name, spki in (("no-sequence", der.octets(b"key")), ("missing", b"")):
        text = applicant.draft(replace(keys.ecdsa(), spki=spki)).text()
        yield Vector(f"key-{name}", text, "no SubjectPublicKeyInfo at all", CSRMalformed)


def _accepted() -> Iterator[tuple[str, keys.Key, str]]:
    for bits in (2048, 3072, 4096, 8192):
        yield f"rsa-{bits}", keys.rsa(bits), "within 2048 to 8192 bits"
    yield "p384", keys.ecdsa(ec.SECP384R1), "an accepted curve"
    yield "p521", keys.ecdsa(ec.SECP521R1), "an accepted curve"
    yield "ed25519", keys.eddsa25519(), "an accepted algorithm"


# RSA


def _primes(limit: int) -> list[int]:
    return [n for n in range(2, limit) if all(n % divisor for divisor in range(2, int(n**0.5) + 1))]


@cache
def _small_primes() -> int:
    return prod(_primes(2**16))


def _has_no_small_factor(n: int) -> bool:
    return gcd(n, _small_primes()) == 1


def close_primes() -> int:
    """2048 bits: a prime and the next number after it that could be one (CVE-2022-26320)."""
    p = keys.prime("2048/p")
    return p * next(q for q in count(p + 2, 2) if _has_no_small_factor(q))


def roca() -> int:
    """2048 bits: a power of 65537 modulo the product of the first primes, as Infineon's are (CVE-2017-15361)."""
    primorial = prod(_primes(702))  # the first 126 primes: the keys of 1984 to 3968 bits
    start = keys.drawn("roca", 2048) // primorial
    numbers = (factor * primorial + pow(65537, 4711, primorial) for factor in count(start))
    return next(n for n in numbers if _has_no_small_factor(n))


def _rsa() -> Iterator[tuple[str, bytes, str, str]]:
    p, q = keys.prime("2048/p"), keys.prime("2048/q")
    modulus = p * q
    for name, number, why, says in (
        ("close-primes", close_primes(), "found by Fermat's method in one round", "two close primes"),
        ("square", p * p, "one prime twice", "two close primes"),
        ("roca", roca(), "found by Coppersmith's method", "ROCA"),
        ("even", modulus + 1, "2 divides it", "an even RSA modulus"),
        ("small-factor", 65521 * (modulus >> 16 | 1), "65521 divides it", "small factor"),
        ("prime", keys.prime("4096/p"), "its own only factor", "a prime"),
        ("one", 1, "no modulus at all", "RSA of 1 bits"),
        ("zero", 0, "no modulus at all", "RSA of 0 bits"),
        ("2047", modulus >> 1 | 1, "one bit less than the limit", "RSA of 2047 bits"),
        ("8193", keys.drawn("8193", 8192) << 1 | 1, "one bit more than the limit", "RSA of 8193 bits"),
        ("16384", keys.drawn("16384", 16384), "a size claim (CVE-2023-6237)", "RSA of 16384 bits"),
        ("131072", keys.drawn("131072", 131072), "16 KiB of modulus", "RSA of 131072 bits"),
    ):
        yield f"rsa-{name}", keys.rsa_spki(number), why, says
    for exponent in (1, 2, 65539, 2**64 + 1):
        yield f"rsa-e{exponent}", keys.rsa_spki(modulus, exponent), "another exponent", "an RSA exponent other than"
    e, n = der.integer(65537), der.integer(modulus)
    with_null = der.sequence(_RSA, der.NULL)
    for name, algorithm, key, why, says in (
        ("no-parameters", der.sequence(_RSA), der.sequence(n, e), "NULL is left out", _UNUSUAL),
        ("other-parameters", der.sequence(_RSA, der.EMPTY_SEQUENCE), der.sequence(n, e), "not NULL", _UNUSUAL),
        ("negative", with_null, der.sequence(der.integer(-modulus), e), "a modulus below 0", _MALFORMED),
        ("negative-e", with_null, der.sequence(n, der.integer(-65537)), "an exponent below 0", _MALFORMED),
        ("padded", with_null, der.sequence(der.element(2, b"\0\0", n[4:]), e), "a zero octet too many", _MALFORMED),
        ("three-numbers", with_null, der.sequence(n, e, e), "one more number", _MALFORMED),
        ("only-modulus", with_null, der.sequence(n), "no exponent", _MALFORMED),
        ("trailing", with_null, der.sequence(n, e) + b"\0", "an octet after the key", _MALFORMED),
        ("nothing", with_null, b"", "no key", _MALFORMED),
        ("pss", der.sequence(der.oid("1.2.840.113549.1.1.10")), der.sequence(n, e), "a key for PSS only", "RSASSA-PSS"),
        ("oaep", der.sequence(der.oid("1.2.840.113549.1.1.7")), der.sequence(n, e), "cannot sign", "RSAES-OAEP"),
    ):
        yield f"rsa-{name}", keys.spki(algorithm, key), why, says


# Elliptic curves

_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def explicit_parameters(field: int, generator: bytes) -> bytes:
    """ECParameters (RFC 3279 2.3.5) of P-256, over another field or with another generator."""
    octets = (field.bit_length() + 7) // 8
    field_id = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(field))
    a, b = ((field - 3) % field).to_bytes(octets), (_P256_B % field).to_bytes(octets)
    curve = der.sequence(der.octets(a), der.octets(b))
    return der.sequence(
        der.integer(1), field_id, curve, der.octets(generator), der.integer(keys.P256_ORDER), der.integer(1)
    )


def _ec() -> Iterator[tuple[str, bytes, str, str]]:
    public = keys.ec_private(ec.SECP256R1).public_key()
    point = keys.public_bytes(public)
    x, y = point[1:33], point[33:]
    form = "a curve point that is not in uncompressed form"
    length = "a curve point of the wrong length"
    off = "not a point of its curve"
    for name, curve, octets, why, says in (
        ("compressed", keys.P256, keys.public_bytes(public, PublicFormat.CompressedPoint), "02 or 03", form),
        ("hybrid", keys.P256, bytes((6 | y[-1] & 1,)) + x + y, "06 or 07", form),
        ("form-5", keys.P256, b"\5" + x + y, "no form at all", form),
        ("infinity", keys.P256, b"\0", "the neutral point", form),
        ("no-point", keys.P256, b"", "no octets", form),
        ("short", keys.P256, point[:-1], "cut off", length),
        ("long", keys.P256, point + b"\0", "an octet more", length),
        ("other-curve", keys.P384, point, "a point of P-256 declared as one of P-384", length),
        ("not-on-curve", keys.P256, b"\4" + x + bytes((y[0] ^ 1,)) + y[1:], "an invalid-curve attack", off),
        ("origin", keys.P256, b"\4" + bytes(64), "x = y = 0", off),
        ("beyond-field", keys.P256, b"\4" + b"\xff" * 64, "coordinates that are no numbers of the field", off),
        ("sm2", "1.2.156.10197.1.301", point, "a curve of other arithmetic", "curve SM2"),
        ("unknown-curve", "1.3.6.1.4.1.99999.2", point, "a curve that nobody knows", "an unknown curve"),
    ):  # fmt: skip
        yield f"ec-{name}", keys.ec_spki(curve, octets), why, says
    generator = keys.public_bytes(ec.derive_private_key(1, ec.SECP256R1()).public_key())
    explicit, named = "explicit curve parameters", der.oid(keys.P256)
    for name, parameters, why, says in (
        ("explicit-same", [explicit_parameters(_P256, generator)], "P-256 by another name", explicit),
        ("explicit-generator", [explicit_parameters(_P256, point)], "their own generator (CVE-2020-0601)", explicit),
        ("explicit-composite", [explicit_parameters(15 * 2**200 + 1, point)], "no root: CVE-2022-0778", explicit),
        ("no-curve", [], "no parameters", "no curve is named"),
        ("implicit-curve", [der.NULL], "RFC 5480 2.1.1 forbids it", "no curve is named"),
        ("curve-and-null", [named, der.NULL], "one parameter too many", "no curve is named"),
        ("empty-curve", [der.element(6)], "no identifier", "an unknown curve"),
    ):  # fmt: skip
        yield f"ec-{name}", keys.spki(der.sequence(_EC, *parameters), point), why, says


# The rest


def _other_algorithms() -> Iterator[tuple[str, bytes, str, str]]:
    p = keys.prime("4096/p")
    dsa = der.sequence(
        der.oid("1.2.840.10040.4.1"), der.sequence(der.integer(p), der.integer(2**255 + 95), der.integer(4))
    )
    point = bytes(31) + b"\x09"
    for name, algorithm, key, why, says in (
        ("dsa", dsa, der.integer(p >> 1), "FIPS 186-5 dropped it", "DSA"),
        ("x25519", der.sequence(der.oid("1.3.101.110")), point, "cannot sign", "X25519"),
        ("x448", der.sequence(der.oid("1.3.101.111")), bytes(56), "cannot sign", "X448"),
        ("ml-dsa-44", der.sequence(der.oid("2.16.840.1.101.3.4.3.17")), bytes(1312), "few can use it", "ML-DSA-44"),
        ("ml-dsa-65", der.sequence(der.oid("2.16.840.1.101.3.4.3.18")), bytes(1952), "few can use it", "ML-DSA-65"),
        ("unknown", der.sequence(der.oid("1.3.6.1.4.1.99999.3")), point, "nobody knows it", "an unknown algorithm"),
        ("huge-identifier", der.sequence(der.element(6, b"\xff" * 9_000 + b"\x7f")), point,
         "quadratic to print (CVE-2020-10735)", _MALFORMED),
        ("identifier-missing", der.sequence(), point, "no algorithm", _MALFORMED),
        ("identifier-null", der.sequence(der.NULL), point, "no identifier", _MALFORMED),
        ("ed25519-null", der.sequence(der.oid("1.3.101.112"), der.NULL), point, "RFC 8410 3: no parameters", _UNUSUAL),
        ("ed25519-short", keys.ED25519, point[1:], "31 octets", _UNUSUAL),
    ):  # fmt: skip
        yield name, keys.spki(algorithm, key), why, says
    bits = der.sequence(keys.ED25519, der.bits(bytes(31) + b"\x08", unused=3))
    yield "unused-bits", bits, "a key of no whole octets", _MALFORMED
    yield "third-field", der.sequence(keys.ED25519, der.bits(point), der.NULL), "one field too many", _MALFORMED


def _small_orders() -> Iterator[tuple[str, bytes, str, str]]:
    p = 2**255 - 19
    order_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    for name, y in (("1", 1), ("2", p - 1), ("4", 0), ("8", order_8), ("8-again", p - order_8), ("1-unreduced", p + 1)):
        spki = keys.spki(keys.ED25519, y.to_bytes(32, "little"))
        yield f"ed25519-order-{name}", spki, "anybody can sign for it", "small order"
