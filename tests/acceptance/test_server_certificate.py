"""The certificate that the server itself shows: from files by setting, from its own CA by default."""

import signal
import socket
import ssl
import time
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.ca import CA
from tests.support.server import Server


def shown(server: Server, listener: str = "public") -> x509.Certificate:
    """The certificate that a new connection meets."""
    host, port = server.urls[listener].removeprefix("https://").split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        der = secured.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def test_from_our_own_ca(server: Server) -> None:
    """By default it is issued by our own CA, for a server, under the names of the settings, for ninety days."""
    certificate = shown(server)
    issuing = x509.load_pem_x509_certificate((server.data / "ca" / "issuing.pem").read_bytes())
    certificate.verify_directly_issued_by(issuing)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} >= {"127.0.0.1", "::1"}
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=90, minutes=1)
    assert shown(server, "mtls") == certificate


def test_from_files_and_again_when_they_change(tmp_path: Path) -> None:
    """Files given by setting are shown, and read again at SIGHUP, while connections that are open go on."""
    ca = CA.make()
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    key.touch(0o600)

    def put() -> x509.Certificate:
        credential = ca.server()
        chain.write_bytes(credential.pem + ca.issuing.pem)
        key.write_bytes(credential.key_pem)
        return credential.certificate

    first = put()
    settings = {"CONNECTOR_TLS__CERTIFICATE_FILE": str(chain), "CONNECTOR_TLS__KEY_FILE": str(key)}
    with Server(tmp_path / "server" / "data", settings) as server:
        assert shown(server) == first
        second = put()
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while shown(server, "mtls") != second:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert shown(server) == second

        chain.write_text("no certificate")
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while "server_certificate.failed" not in server.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert shown(server) == second
