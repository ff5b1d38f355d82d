"""RSA moduli that can be factored, as far as the modulus alone shows it."""

from functools import cache
from hashlib import sha256
from math import gcd, isqrt, prod

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

_SMALL_PRIME_LIMIT = 2**16
_FERMAT_ROUNDS = 100
_SQUARES_MODULO_64 = frozenset(root * root % 64 for root in range(64))
_ROCA_GENERATOR = 65537
# Infineon's primes are k * M + 65537 ** a mod M, where M is the product of the first primes; 167 is the last of the
# shortest keys' M, and divides that of all longer ones.
_ROCA_LIMIT = 168
# OpenSSL takes exponents of more than 64 bits up to this size of modulus.
_MAX_BITS_OF_ANY_EXPONENT = 3072


def fault(n: int) -> str | None:
    """The fault of the modulus, in words for a refusal, or None. The caller checks its size first."""
    if n % 2 == 0:
        return "an even RSA modulus"
    if gcd(n, _small_primes_product()) != 1:
        return "an RSA modulus with a small factor"
    if _has_close_factors(n):
        return "an RSA modulus of two close primes (CVE-2022-26320)"
    if _has_roca_fingerprint(n):
        return "an RSA modulus with the ROCA fingerprint (CVE-2017-15361)"
    if _is_prime(n):
        return "an RSA modulus that is a prime"
    return None


def _primes(limit: int) -> list[int]:
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for number in range(2, isqrt(limit) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number in range(limit) if sieve[number]]


@cache
def _small_primes_product() -> int:
    return prod(_primes(_SMALL_PRIME_LIMIT))


def _has_close_factors(n: int) -> bool:
    """Fermat's factorisation: n = a * a - b * b is found in a few rounds when the factors are close, or are equal."""
    a = isqrt(n)
    difference = a * a - n
    if difference == 0:
        return True
    for _ in range(_FERMAT_ROUNDS):
        difference += 2 * a + 1
        a += 1
        # Most numbers show in their last bits that they are no squares: cheaper than a root.
        if difference % 64 in _SQUARES_MODULO_64 and isqrt(difference) ** 2 == difference:
            return True
    return False


@cache
def _roca_residues() -> tuple[tuple[int, frozenset[int]], ...]:
    """For each prime, the powers of 65537: both factors are such powers, and so is their product."""
    residues = []
    for prime in _primes(_ROCA_LIMIT):
        powers = frozenset(pow(_ROCA_GENERATOR, exponent, prime) for exponent in range(prime - 1))
        if len(powers) < prime - 1:
            residues.append((prime, powers))
    return tuple(residues)


def _has_roca_fingerprint(n: int) -> bool:
    """Whether n is a power of 65537 modulo every prime. One honest modulus in 2 ** 28 is."""
    return all(n % prime in powers for prime, powers in _roca_residues())


def _is_prime(n: int) -> bool:
    """Fermat's little theorem, up to 3072 bits: for a prime n, x ** (n - 2) is the inverse of x.

    So the inverse of a padded digest is a good signature under the exponent n - 2. OpenSSL finds out in 2.5 ms
    for 2048 bits, Python's ``pow`` in 17. Above 3072 bits OpenSSL takes no such exponent, and Python needs up to a
    second: more than this fault is worth, which only its maker can make and which harms nobody else.
    """
    if n.bit_length() > _MAX_BITS_OF_ANY_EXPONENT:
        return False
    octets = (n.bit_length() + 7) // 8
    # RFC 8017 9.2: 00 01 FF ... FF 00, DigestInfo.
    info = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(b"").digest()
    padded = b"\0\1" + b"\xff" * (octets - 3 - len(info)) + b"\0" + info
    signature = pow(int.from_bytes(padded), -1, n).to_bytes(octets)
    try:
        RSAPublicNumbers(n - 2, n).public_key().verify(signature, b"", PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
