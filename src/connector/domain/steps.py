"""Steps: what a client does once, however often it has to ask (Idempotency-Key).

A reply can be lost after its commit. A client that asks again with the same credential, key and CSR means the
same step, and gets the certificate that the step brought; a step never brings a second one.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

TOKEN_REPLAY = timedelta(minutes=10)
"""How long after a token was used a repeated step gets the same certificate (docs/wire-contract.md, "Retries")."""

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Step:
    """``name`` is a SHA-256 over the credential and the key; ``request`` is that of the CSR which came with them."""

    name: bytes
    request: bytes


def step(credential: bytes, key: str, csr: bytes) -> Step:
    """The step that the holder of a credential takes under a key of its own choice.

    Args:
        credential: the SHA-256 of the one-time token or of the certificate that is to be renewed.
        key: any text; two holders may choose the same.
        csr: the CSR as sent. Its line ends do not matter.
    """
    unwrapped = csr.replace(b"\r", b"").replace(b"\n", b"")
    return Step(
        name=sha256(b"connector step\0" + credential + key.encode()).digest(),
        request=sha256(unwrapped).digest(),
    )
