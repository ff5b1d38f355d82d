"""Signers that do not keep their promise."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.issuing import make_issuer, new_key

from connector.pki.issuer import Issuer
from connector.pki.signatures import IssuerAlgorithm, IssuerPublicKey
from connector.pki.signer import KeySigner

Answer = Callable[[bytes, IssuerAlgorithm], bytes]


@dataclass(frozen=True)
class Hostile:
    """A signer that shows one key and does something else."""

    public_key: IssuerPublicKey
    does: Answer = field(repr=False)
    is_slow: bool = False

    def sign(self, octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
        return self.does(octets, algorithm)


def issuer_with(
    does: Callable[[KeySigner], Answer], *, now: datetime, kind: str = "p256", is_slow: bool = False
) -> Issuer:
    """An issuer whose signer does that instead."""
    key = new_key(kind)
    good = make_issuer(kind, now=now, key=key)
    signer = KeySigner(key)
    return Issuer(good.certificate, Hostile(signer.public_key, does(signer), is_slow), good.root)


WRONG: dict[str, Callable[[KeySigner], Answer]] = {
    "another key's": lambda _good: KeySigner(new_key("p256")).sign,
    "of other octets": lambda good: lambda octets, algorithm: good.sign(octets + b"x", algorithm),
    "of no octets": lambda good: lambda _octets, algorithm: good.sign(b"", algorithm),
    "nothing": lambda _good: lambda _octets, _algorithm: b"",
    "zeros": lambda _good: lambda _octets, _algorithm: bytes(72),
    "too long": lambda good: lambda octets, algorithm: good.sign(octets, algorithm) + b"\0",
    "too short": lambda good: lambda octets, algorithm: good.sign(octets, algorithm)[:-1],
    "flipped": lambda good: lambda octets, algorithm: good.sign(octets, algorithm)[:-1] + b"\xff\xff",
    "a megabyte": lambda _good: lambda _octets, _algorithm: bytes(1 << 20),
}
