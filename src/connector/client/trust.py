"""Whom a client trusts, and as whom it comes.

The pairing string names the root certificate by its SHA-256. The root is fetched over a connection that nothing
vouches for, and counts only if it is that one; everything else goes over connections that the root vouches for. A
pairing string that names none leaves the trust to the system's own store. There is no switch that turns this off.
"""

import ssl
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connector.client.errors import Untrusted
from connector.domain.pairing import Pairing, parse

TIMEOUT_SECONDS = 30.0
MAX_ROOT_OCTETS = 65536


def context(
    root: bytes | None, identity: tuple[Path, Path] | None = None, passphrase: bytes | None = None
) -> ssl.SSLContext:
    """A context that trusts ``root`` (PEM) alone, or without one the system's store.

    Args:
        root: the trust anchors' PEM.
        identity: the files of chain and key with which to come.
        passphrase: of the key's file, where it is encrypted.

    Raises:
        OSError: a file cannot be read, does not fit the other, or the passphrase is wrong.
    """
    if root is None:
        made = ssl.create_default_context()
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=root.decode("ascii"))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if identity is not None:
        for file in identity:
            with Path(file).open("rb"):  # OpenSSL's error would not name the file
                pass
        # Without a passphrase of ours OpenSSL would ask the terminal for one.
        made.load_cert_chain(*identity, password=passphrase or b"")
    return made


@dataclass(frozen=True, slots=True)
class Paired:
    """A pairing, and the root's PEM that it named; None where the system's store is to judge."""

    pairing: Pairing
    root: bytes | None


def pair(text: str) -> Paired:
    """Read a pairing string, and find out whom to trust. No credential is sent.

    Raises:
        connector.domain.refusals.objects.InvalidData: it is no pairing string, or was cut.
        Untrusted: the server's root is not the one that the pairing string names.
        httpx2.HTTPError: the server cannot be reached.
    """
    pairing = parse(text)
    return Paired(pairing, None if pairing.root_fingerprint is None else fetch_root(pairing))


async def pair_async(text: str) -> Paired:
    """As :func:`pair`."""
    pairing = parse(text)
    return Paired(pairing, None if pairing.root_fingerprint is None else await fetch_root_async(pairing))


def fetch_root(pairing: Pairing) -> bytes:
    """The root certificate's PEM, fetched over a connection that nothing vouches for, and then held to the fingerprint.

    Raises:
        Untrusted: it is another one, or the pairing string names none.
        httpx2.HTTPError: the server cannot be reached.
    """
    der = b""
    with (
        httpx2.Client(verify=_unverified(), timeout=TIMEOUT_SECONDS) as client,
        client.stream("GET", _root_url(pairing)) as answer,
    ):
        for piece in answer.iter_raw():
            der += piece
            if len(der) > MAX_ROOT_OCTETS:
                break
    return _checked(pairing, der)


async def fetch_root_async(pairing: Pairing) -> bytes:
    """As :func:`fetch_root`."""
    der = b""
    async with (
        httpx2.AsyncClient(verify=_unverified(), timeout=TIMEOUT_SECONDS) as client,
        client.stream("GET", _root_url(pairing)) as answer,
    ):
        async for piece in answer.aiter_raw():
            der += piece
            if len(der) > MAX_ROOT_OCTETS:
                break
    return _checked(pairing, der)


def _unverified() -> ssl.SSLContext:
    # The one connection without verification: what comes over it counts only by its SHA-256.
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return unverified


def _root_url(pairing: Pairing) -> str:
    if pairing.root_fingerprint is None:
        raise Untrusted("The pairing string names no root certificate. Ask for a new one.")
    return f"https://{urlsplit(pairing.connector_url).netloc}/pki/root.crt"


def _checked(pairing: Pairing, der: bytes) -> bytes:
    if not compare_digest(sha256(der).digest(), pairing.root_fingerprint or b""):
        host, expected = urlsplit(pairing.connector_url).netloc, (pairing.root_fingerprint or b"").hex()
        raise Untrusted(
            f"The root certificate of {host} is not the one in the pairing string: its SHA-256 is "
            f"{sha256(der).hexdigest()}, expected was {expected}. Nothing was sent to it. Compare both with the "
            "administrator (connector ca show); then ask for a new pairing string."
        )
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
