"""The certificate that a gateway forwards: for each kind of gateway, the one header that it sets, and how to read it.

The key is the SHA-256 of the certificate's DER, by which it is looked up in the inventory. A value that is not
exactly what the gateway makes is refused: whatever could be read in two ways may have been written by a client.
"""

import re
from binascii import a2b_base64, a2b_qp, unhexlify
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from connector.domain.refusals.gateways import ForwardedCertificateAmbiguous, ForwardedCertificateMissing
from connector.web.gateways.sole import sole

T = TypeVar("T")

HEXADECIMAL_DIGITS = 64
MOST_ABOVE = 8
"""The most certificates of CAs that a chain may have."""

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
# With this, percent-encoding becomes quoted-printable, which the standard library decodes three times as quickly.
_QUOTED = bytes.maketrans(b"%", b"=")

# One element of Envoy's X-Forwarded-Client-Cert: KEY=VALUE, separated by semicolons. A value with one of the separators
# is quoted, and quotation marks in it are escaped; a comma outside of quotes begins the element of another proxy.
_VALUE = rb'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^",;=\\\x00-\x20\x7f]*)'
_PAIR = rb"[A-Za-z]+=" + _VALUE
_ELEMENT = re.compile(rb"%b(?:;%b)*" % (_PAIR, _PAIR))
_KEY_AND_VALUE = re.compile(rb"([A-Za-z]+)=(%b)(?:;|\Z)" % _VALUE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a kind of gateway forwards a certificate.

    ``read`` returns the fingerprint, and ``whole`` the certificate (DER), where the gateway can forward all of it. Both
    raise ValueError. If ``appends_path``, the gateway appends its client's path to the URL that it is given.
    """

    name: str
    header: bytes
    read: Callable[[bytes], bytes]
    whole: Callable[[bytes], bytes] | None = None
    appends_path: bool = False

    def fingerprint(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The fingerprint of the forwarded certificate.

        Raises:
            ForwardedCertificateMissing: there is none.
            ForwardedCertificateAmbiguous: it is not clear which one it is.
        """
        value = sole(headers, self.header, ForwardedCertificateAmbiguous)
        if value is None:
            raise ForwardedCertificateMissing
        return _clear(self.read, value)

    def certificate(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """The forwarded certificate (DER); None if there is none.

        Raises:
            ForwardedCertificateAmbiguous: it is not clear which one it is.
        """
        if self.whole is None:
            raise ForwardedCertificateAmbiguous
        value = sole(headers, self.header, ForwardedCertificateAmbiguous)
        return None if value is None else _clear(self.whole, value)


def forwarded_element(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> "Element":
    """The one element of Envoy's header, which has this name.

    Raises:
        ForwardedCertificateMissing, ForwardedCertificateAmbiguous: as :meth:`Dialect.fingerprint` does.
    """
    value = sole(headers, name, ForwardedCertificateAmbiguous)
    if value is None:
        raise ForwardedCertificateMissing
    return _clear(xfcc_element, value)


def _clear(read: Callable[[bytes], T], value: bytes) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise ForwardedCertificateAmbiguous from error


def hexadecimal(value: bytes) -> bytes:
    """The fingerprint in hexadecimal: from Caddy, and from HAProxy."""
    if len(value) != HEXADECIMAL_DIGITS:
        raise ValueError("not 64 digits")
    return unhexlify(value)


def escaped_pem(value: bytes) -> bytes:
    """One certificate in PEM, percent-encoded: from nginx."""
    if b" " in value or b"\n" in value or b"=" in value:
        raise ValueError("not escaped")
    return _pem(a2b_qp(value.translate(_QUOTED)).removesuffix(b"\n"), b"\n")


def spaced_pem(value: bytes) -> bytes:
    """One certificate in PEM, with spaces in the place of its line breaks: from Apache."""
    return _pem(value, b" ")


def base64_chain(value: bytes) -> bytes:
    """The client's chain, in base64, separated by commas, the client's own certificate first: from Traefik."""
    first, *above = map(_base64, value.split(b","))
    if len(above) > MOST_ABOVE:
        raise ValueError("too many certificates")
    return first


def byte_sequence(value: bytes) -> bytes:
    """A structured byte sequence (RFC 9440 2.2, RFC 9651 3.3.5)."""
    if len(value) < len(b"::") or value[:1] != b":" or value[-1:] != b":":
        raise ValueError("not a byte sequence")
    return _base64(value[1:-1])


def xfcc(value: bytes) -> bytes:
    """The hash in Envoy's X-Forwarded-Client-Cert, which must have one element, and one hash in it.

    Nothing else of the element is read: its subject and names are texts that the certificate's holder may have chosen.
    """
    return xfcc_element(value).fingerprint


def xfcc_certificate(value: bytes) -> bytes:
    """The certificate in the same header, whose hash must be the one next to it."""
    element = xfcc_element(value)
    if len(element.certificates) != 1:
        raise ValueError("not one certificate")
    found = escaped_pem(element.certificates[0].removeprefix(b'"').removesuffix(b'"'))
    if sha256(found).digest() != element.fingerprint:
        raise ValueError("another hash")
    return found


@dataclass(frozen=True, slots=True)
class Element:
    """An element of Envoy's header: the certificate's fingerprint, and the values of its keys ``Subject`` and ``Cert``,
    unread.
    """

    fingerprint: bytes
    subjects: Sequence[bytes]
    certificates: Sequence[bytes] = ()

    @property
    def subject(self) -> str | None:
        """The text of the one subject; None where there is none, or where it holds something that is escaped.

        It is not clear whether the gateway escaped it or the name did, and it matters: a comma may be part of a value,
        or end it. What is not ASCII is escaped too.

        Raises:
            ValueError: there are several.
        """
        if len(self.subjects) > 1:
            raise ValueError("several subjects")
        (value,) = self.subjects or (b"",)
        if len(value) < len(b'""') or not value.startswith(b'"') or b"\\" in value or not value.isascii():
            return None
        return value[1:-1].decode("ascii") or None


def xfcc_element(value: bytes) -> Element:
    """The one element of the header, which must have one hash."""
    if not _ELEMENT.fullmatch(value):
        raise ValueError("not one element")
    pairs = [(key.lower(), given) for key, given in _KEY_AND_VALUE.findall(value)]
    hashes = [given for key, given in pairs if key == b"hash"]
    if len(hashes) != 1:
        raise ValueError("not one hash")
    subjects, certificates = ([given for key, given in pairs if key == wanted] for wanted in (b"subject", b"cert"))
    return Element(hexadecimal(hashes[0]), subjects, certificates)


def _whole(name: str, header: bytes, whole: Callable[[bytes], bytes]) -> Dialect:
    """The dialect of a gateway that forwards all of the certificate."""
    return Dialect(name, header, lambda value: sha256(whole(value)).digest(), whole)


DIALECTS: Sequence[Dialect] = (
    _whole("nginx", b"x-ssl-client-cert", escaped_pem),
    Dialect("envoy", b"x-forwarded-client-cert", xfcc, xfcc_certificate, appends_path=True),
    Dialect("caddy", b"x-client-certificate-sha256", hexadecimal),
    _whole("traefik", b"x-forwarded-tls-client-cert", base64_chain),
    Dialect("haproxy", b"x-ssl-client-sha256", hexadecimal),
    _whole("apache", b"x-ssl-client-cert", spaced_pem),
    _whole("rfc9440", b"client-cert", byte_sequence),
)


def _pem(value: bytes, separator: bytes) -> bytes:
    if not value.startswith(_BEGIN + separator) or not value.endswith(separator + _END):
        raise ValueError("not one certificate")
    if separator * 2 in value:
        raise ValueError("an empty line")
    return _base64(value[len(_BEGIN) : -len(_END)].replace(separator, b""))


def _base64(value: bytes) -> bytes:
    """What is encoded. Foreign characters, missing padding and empty values are refused."""
    octets = a2b_base64(value, strict_mode=True)
    if not octets:
        raise ValueError("empty")
    return octets
