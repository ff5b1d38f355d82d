"""TLS contexts: versions 1.2 and 1.3, forward secrecy and AEAD only; no session is ever resumed."""

import ssl
from collections.abc import Sequence
from typing import Any, Self

# RFC 9325 4.2: ECDHE with AES-GCM or ChaCha20-Poly1305. TLS 1.3 has its own three suites, all AEAD. Level 2 asks keys
# and signatures for 112 bits of security.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK:@SECLEVEL=2"

# RFC 8446 9.1: the one curve that everybody has. The ssl module takes one name, or leaves OpenSSL's list, which holds
# curves outside Mozilla's intermediate profile. A TLS 1.3 client that guesses another is asked once more (4.1.4).
CURVE = "prime256v1"

OPTIONS = ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET


class ServerContext(ssl.SSLContext):
    """A listener's TLS context. It has no certificate until :meth:`load_cert_chain` is called.

    A resumed session skips the client's certificate, and would let one back in that was revoked meanwhile. Without
    tickets OpenSSL still keeps the sessions of TLS 1.2 in its context's cache (RFC 5246 F.1.4), and the ssl module has
    no switch for that. So every connection begins in a context of its own, whose cache nobody else sees, and moves
    over to the one that holds the certificate when it has said hello.
    """

    _client_ca: bytes | None
    _adopted: bytes
    _certified: ssl.SSLContext
    _is_optional: bool

    def __new__(
        cls, *, client_ca: Sequence[bytes] | None = None, adopted: Sequence[bytes] = (), optional: bool = False
    ) -> Self:
        """Make a context.

        Args:
            client_ca: the CA's certificates, DER; with them, a client certificate under the root is required. Give
                the issuing CA's as well as the root's: then a client that sends its own certificate alone is verified
                too. OpenSSL checks the purpose, clientAuth (RFC 5280 4.2.1.12).
            adopted: further CA certificates, DER, each of which is trusted by itself, without a root above it. While
                there are any, client certificates may lack what RFC 5280 asks for, such as an authority key identifier.
            optional: the client may do without a certificate. One that it does send has to be issued by one of these,
                which need not be roots.

        Raises:
            ssl.SSLError: ``client_ca`` holds no certificate.
        """
        context = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context._is_optional = optional
        context._client_ca = None if client_ca is None else b"".join(client_ca)
        context._adopted = b"".join(adopted)
        context._certified = context._certifiable()
        return context

    def trust(self, client_ca: Sequence[bytes], adopted: Sequence[bytes] = ()) -> None:
        """Authenticate clients by these CA certificates (DER).

        Those that are new count from now on; those that are no longer among them until the next
        :meth:`load_cert_chain`, since OpenSSL takes nothing out of a store.
        """
        self._client_ca, self._adopted = b"".join(client_ca), b"".join(adopted)
        self._certified.load_verify_locations(cadata=self._client_ca + self._adopted)

    def load_cert_chain(self, *args: Any, **kwargs: Any) -> None:
        """Serve this certificate to every connection that begins from now on; if it fails, the former one stays."""
        context = self._certifiable()
        context.load_cert_chain(*args, **kwargs)
        self._certified = context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """A new connection."""
        context = self._blank()
        context.sni_callback = self._move
        connection = context.wrap_bio(*args, **kwargs)
        # OpenSSL keeps a bare pointer to the first context, for a second hello; so it must live as long.
        connection.first_context = context  # type: ignore[attr-defined]
        return connection

    def _move(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._certified

    def _certifiable(self) -> ssl.SSLContext:
        context = self._blank()
        if self._client_ca is not None:
            context.load_verify_locations(cadata=self._client_ca + self._adopted)
        return context

    def _blank(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.set_ecdh_curve(CURVE)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= OPTIONS
        context.num_tickets = 0  # RFC 8446 4.6.1
        if self._client_ca is not None:
            # A CA of another installation, or of administrators, is trusted for itself: the one above it, with all its
            # others, need not be.
            if self._adopted or self._is_optional:
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            if not self._adopted:
                context.verify_flags |= ssl.VERIFY_X509_STRICT
            context.verify_mode = ssl.CERT_OPTIONAL if self._is_optional else ssl.CERT_REQUIRED
        return context
