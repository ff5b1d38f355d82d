"""Idempotency-Key and the renewal window, over the wire."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from tests.support.server import Server, encoded

from connector.client import make_csr, make_key

SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"
DESCRIBE = "{ result: configuration { certificateSigningRequestInfo { subject } managementPlaneInfo { directorURL } } }"
WINDOW = "{ result: configuration { renewal { start end now checkAfterSeconds } } }"


def ask(client: Any, url: str, document: str, csr: str | None = None, **headers: str) -> dict[str, Any]:
    """The answer's content."""
    answer: httpx2.Response = client._http.post(  # noqa: SLF001 - the answer as it came
        url, json={"query": document, "variables": {"csr": csr} if csr else None}, headers=headers
    )
    content: dict[str, Any] = answer.json()
    return content


def test_the_same_again(server: Server, tmp_path: Path) -> None:
    """A token tells the subject as often as it is asked; with the same key and CSR it brings one certificate, again and
    again; without the key it is spent.
    """
    token = server.token(server.application(tmp_path.name[:80]))
    with server.bearer(token) as client:
        for _ in range(2):
            told = ask(client, server.public_connector, DESCRIBE)["data"]["result"]
        csr = encoded(make_csr(make_key(), told["certificateSigningRequestInfo"]["subject"]))
        answers = [ask(client, server.public_connector, SIGN, csr, **{"Idempotency-Key": "k" * 255}) for _ in range(3)]
        assert answers[0]["data"]["result"]["certificateChain"]
        assert answers == [answers[0]] * 3
        spent = ask(client, server.public_connector, SIGN, csr)
        assert spent["errors"][0]["extensions"]["error"] == "token_spent"
        other = encoded(make_csr(make_key(), told["certificateSigningRequestInfo"]["subject"]))
        reused = ask(client, server.public_connector, SIGN, other, **{"Idempotency-Key": "k" * 255})
        assert reused["errors"][0]["extensions"]["error"] == "idempotency_key_reused"
        long = ask(client, server.public_connector, SIGN, csr, **{"Idempotency-Key": "k" * 256})
        assert long["errors"][0]["extensions"]["error"] == "bad_request"


def test_the_window_is_told(server: Server, tmp_path: Path) -> None:
    """The holder of a certificate is told when to renew; the operator may say at once."""
    identity = server.enroll(server.token(server.application(tmp_path.name[:80])), tmp_path / "identity")
    leaf = x509.load_pem_x509_certificates(identity.chain.read_bytes())[0]
    with server.holder(identity) as client:
        told = ask(client, server.mtls_connector, WINDOW)["data"]["result"]["renewal"]
        start, end = (datetime.fromisoformat(told[name]) for name in ("start", "end"))
        assert leaf.not_valid_before_utc < start < end < leaf.not_valid_after_utc
        assert start > datetime.now(UTC)
        assert (told["now"], told["checkAfterSeconds"]) == (False, 6 * 3600)

        server.command("certificate", "renew-now", f"{leaf.serial_number:x}")
        assert ask(client, server.mtls_connector, WINDOW)["data"]["result"]["renewal"]["now"]
    with server.bearer(server.token(server.application(f"{tmp_path.name[:70]}-token"))) as client:
        assert ask(client, server.public_connector, WINDOW)["data"]["result"]["renewal"] is None


@pytest.mark.parametrize("arguments", [(), ("12", "--all"), ("12",)])
def test_renew_now_names_one_or_all(server: Server, arguments: tuple[str, ...]) -> None:
    """The command wants a serial number that is known, or --all."""
    done = server.command("certificate", "renew-now", *arguments, check=False)

    assert done.returncode in (3, 5)
    assert done.stderr.startswith("connector: ")
