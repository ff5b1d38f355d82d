"""``connector-agent crl`` as a process, and the files that it keeps."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from tests.support.agents import AGENT, Done, agent
from tests.support.server import environment

# What is promised of the server; the agents here ask once a second.
SECONDS = 60.0

_END = b"-----END X509 CRL-----\n"


def fetch(to: Path, *arguments: str, identity: Path | None = None) -> Done:
    """``connector-agent crl --once``."""
    return agent("crl", identity or to.parent / "nobody", "--to", str(to), "--once", "--retry-for", "0", *arguments)


@contextmanager
def keeping(to: Path, *arguments: str) -> Iterator[None]:
    """An agent that stays; it logs to ``crl.log`` beside the files' directory, and ends well."""
    command = [*AGENT, "crl", "--to", str(to), "--check", "1s", *arguments]
    log = (to.parent / "crl.log").open("w+")
    with log, subprocess.Popen(command, stderr=log, env=environment()) as process:
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()


def crls(to: Path) -> list[x509.CertificateRevocationList]:
    """The CRLs in the file."""
    return [x509.load_pem_x509_crl(block + _END) for block in (to / "crls.pem").read_bytes().split(_END)[:-1]]


def numbers(to: Path) -> list[int]:
    """Their numbers."""
    return [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in crls(to)]


def until_listed(to: Path, serial: int) -> None:
    """Wait until one of them lists the certificate."""
    deadline = time.monotonic() + SECONDS
    while not any(each.get_revoked_certificate_by_serial_number(serial) for each in crls(to)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
