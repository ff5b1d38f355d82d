"""Several issuers: who signs, whose chain a certificate has, and by whom clients are authenticated while we serve."""

import asyncio
import shutil
import ssl
import subprocess
import time
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.csr import COMMON_NAME, POLICY, make_csr, send, verify
from tests.support.issuing import DAY, issue, make_issuer
from tests.support.server import COMMAND, Server, encoded

from connector.client import make_csr as client_csr
from connector.client import make_key
from connector.domain.issuers import IssuerRecord, IssuerState
from connector.pki.issuer import Issuer
from connector.pki.signer import KeySigner
from connector.storage import open_sqlite

SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"
SUBJECT = "{ result: configuration { certificateSigningRequestInfo { subject } } }"
NAME = "Another Issuing CA"
FOLLOWED_SECONDS = 20.0


def another_issuer(ca: Path, common_name: str = NAME) -> tuple[Issuer, ec.EllipticCurvePrivateKey]:
    """One more issuing CA under the server's own root, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = x509.load_pem_x509_certificate((ca / "root.pem").read_bytes())
    root_signer = KeySigner.load((ca / "root.key").read_bytes(), None)
    now = datetime.now(UTC)
    return make_issuer(now=now, key=key, validity=100 * DAY, common_name=common_name, under=(root, root_signer)), key


def replace_issuing(ca: Path, issuer: Issuer, key: ec.EllipticCurvePrivateKey) -> None:
    """Put the issuer in the place of the built-in one, as an operator does."""
    (ca / "issuing.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    (ca / "issuing.key").write_bytes(KeySigner(key).encoded(None))


def ask(client: Any, url: str, document: str, csr: str | None = None, **headers: str) -> dict[str, Any]:
    """The answer's content."""
    answer: httpx2.Response = client._http.post(  # noqa: SLF001 - the answer as it came
        url, json={"query": document, "variables": {"csr": csr} if csr else None}, headers=headers
    )
    content: dict[str, Any] = answer.json()
    return content


def chain_verifies(answer: dict[str, Any], ca: Path, directory: Path) -> bool:
    """Whether openssl verifies the leaf under the root with the CA certificate that came along."""
    leaf, above = x509.load_pem_x509_certificates(b64decode(answer["data"]["result"]["certificateChain"]))
    for name, certificate in (("leaf.pem", leaf), ("above.pem", above)):
        (directory / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-CAfile", ca / "root.pem", "-untrusted", "above.pem", "leaf.pem"]
    return subprocess.run(command, cwd=directory, capture_output=True, check=False, timeout=30).returncode == 0


def test_answer_after_a_change_of_issuers_has_the_chain_of_its_own(fresh_server: Server, tmp_path: Path) -> None:
    """After the issuing CA was replaced, the step from before is answered with a chain that verifies. The files of the
    former issuer, put back, stop the start: which one signs does not go back without a word.
    """
    ca = fresh_server.data / "ca"
    fresh_server.start()
    token = fresh_server.token(fresh_server.application("shop"))
    with fresh_server.bearer(token) as client:
        told = ask(client, fresh_server.public_connector, SUBJECT)
        csr = encoded(client_csr(make_key(), told["data"]["result"]["certificateSigningRequestInfo"]["subject"]))
        first = ask(client, fresh_server.public_connector, SIGN, csr, **{"Idempotency-Key": "one"})
    fresh_server.stop()
    shutil.copytree(ca, tmp_path / "former")
    # Of the same name as the built-in one: nothing goes by names.
    built_in = x509.load_pem_x509_certificate((ca / "issuing.pem").read_bytes())
    (name,) = built_in.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
    issuer, key = another_issuer(ca, str(name.value))
    replace_issuing(ca, issuer, key)
    fresh_server.start()

    with fresh_server.bearer(token) as client:
        again = ask(client, fresh_server.public_connector, SIGN, csr, **{"Idempotency-Key": "one"})
    other = fresh_server.token(fresh_server.application("other"))
    identity = fresh_server.enroll(other, tmp_path / "identity")

    assert again == first
    assert chain_verifies(again, ca, tmp_path)
    newest = x509.load_pem_x509_certificates(identity.chain.read_bytes())
    assert newest[1] == issuer.certificate
    fresh_server.stop()
    for name in ("issuing.pem", "issuing.key"):
        shutil.copy(tmp_path / "former" / name, ca / name)
    command = [*COMMAND, "serve", "--data-dir", str(fresh_server.data), "--public", "localhost:0"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert refused.returncode == 2
    assert issuer.fingerprint.hex() in refused.stderr


def change(server: Server, record: IssuerRecord | None, fingerprint: bytes, state: IssuerState) -> None:
    """What a rotation writes: a record, or another state."""

    async def write() -> None:
        store = open_sqlite(server.data / "connector.db")
        now = datetime.now(UTC)
        try:
            await store.transaction(
                lambda tx: (
                    tx.issuers.add(record) if record is not None else tx.issuers.change(fingerprint, state, now=now)
                )
            )
        finally:
            await store.close()

    asyncio.run(write())


def is_let_in(server: Server, chain: Path, root: Path) -> bool:
    """Whether a handshake with this certificate, sent alone, ends well."""
    context = ssl.create_default_context(cafile=root)
    context.load_cert_chain(chain)
    url = urlsplit(server.urls["mtls"])
    try:
        with httpx2.Client(verify=context, trust_env=False) as client:
            answer = client.post(f"https://localhost:{url.port}/connector/graphql", json={"query": SUBJECT})
    except httpx2.TransportError:
        return False
    # It is a client of the CA; that this certificate is not recorded is found out afterwards.
    assert answer.json()["errors"][0]["extensions"]["error"] == "certificate_unknown"
    return True


def becomes(server: Server, chain: Path, root: Path, *, let_in: bool) -> bool:
    """Whether the answer changes to that within a while."""
    deadline = time.monotonic() + FOLLOWED_SECONDS
    while time.monotonic() < deadline:
        if is_let_in(server, chain, root) == let_in:
            return True
        time.sleep(0.2)
    return False


def test_listener_follows_the_issuers_while_it_serves(fresh_server: Server, tmp_path: Path) -> None:
    """A client that sends its certificate alone is let in as soon as its issuer is recorded, though that one signs
    nothing yet, and is shut out once it ended. The server is not started anew.
    """
    fresh_server.start()
    root = fresh_server.data / "ca" / "root.pem"
    issuer, _ = another_issuer(fresh_server.data / "ca")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    leaf = issue(issuer, verify(send(make_csr(key)), policy=POLICY, common_name=COMMON_NAME), now=now)
    chain = tmp_path / "client.pem"
    chain.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + leaf.pem.encode())
    record = IssuerRecord(
        issuer.fingerprint, issuer.der, issuer.root_fingerprint, IssuerState.PREPARED, recorded_at=now, changed_at=now
    )

    assert not is_let_in(fresh_server, chain, root)
    change(fresh_server, record, issuer.fingerprint, IssuerState.PREPARED)
    assert becomes(fresh_server, chain, root, let_in=True)
    change(fresh_server, None, issuer.fingerprint, IssuerState.ENDED)
    assert becomes(fresh_server, chain, root, let_in=False)


def test_further_issuer_in_the_data_directory_signs_once_it_is_recorded_so(
    fresh_server: Server, tmp_path: Path
) -> None:
    """An issuer under ca/issuers is prepared at the start, and signs from the moment at which the records say so."""
    fresh_server.start()
    fresh_server.stop()
    issuer, key = another_issuer(fresh_server.data / "ca")
    place = fresh_server.data / "ca" / "issuers" / issuer.fingerprint.hex()
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o700)
    for name, content in (
        ("issuing.key", KeySigner(key).encoded(None)),
        ("issuing.pem", issuer.certificate.public_bytes(Encoding.PEM)),
        ("root.pem", issuer.root.public_bytes(Encoding.PEM)),
    ):
        (place / name).write_bytes(content)
        (place / name).chmod(0o600)
    fresh_server.start()
    before = fresh_server.enroll(fresh_server.token(fresh_server.application("before")), tmp_path / "before")
    built_in = x509.load_pem_x509_certificate((fresh_server.data / "ca" / "issuing.pem").read_bytes())
    assert x509.load_pem_x509_certificates(before.chain.read_bytes())[1] == built_in

    change(fresh_server, None, built_in.fingerprint(SHA256()), IssuerState.FORMER)
    change(fresh_server, None, issuer.fingerprint, IssuerState.SIGNING)
    time.sleep(4)
    after = fresh_server.enroll(fresh_server.token(fresh_server.application("after")), tmp_path / "after")

    assert x509.load_pem_x509_certificates(after.chain.read_bytes())[1] == issuer.certificate
    with fresh_server.holder(before) as client:  # the former one still authenticates
        assert ask(client, fresh_server.mtls_connector, SUBJECT)["data"]
