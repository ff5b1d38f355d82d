"""Client certificates that lead to nothing, and hostile CSRs, over the wire of a running server."""

import asyncio
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.support.authority import POLICY, make_issuer
from tests.support.csr import COMMON_NAME, SUBJECT
from tests.support.server import Identity, Server
from tests.vectors.catalogue import vectors

from connector.client import Client, Refused, make_key
from connector.domain.directory import EntityKind, SystemAuth
from connector.ports.transaction import Transaction
from connector.storage import open_sqlite
from connector.usecases import registration
from connector.usecases.quotas import Allowances
from connector.usecases.realms import COMMAND, Installation

CORPUS = Path(__file__).parents[3] / "shared" / "csr-corpus"
VIEWER = "{ result: viewer { id type } }"
SECONDS = 10.0
# One system sends hundreds of CSRs here, most of them refused.
UNLIMITED = {"CONNECTOR_QUOTAS__REFUSALS_A_MINUTE": "0", "CONNECTOR_QUOTAS__CERTIFICATES_A_DAY": "0"}
BODY_OCTETS = 1024 * 1024
# A request that is refused before anybody looks at its CSR.
REFUSED_WHOLE = {"body_too_large": 413, "bad_request": 400}
SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"


def stolen(server: Server) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    """The server's own issuing CA, as a thief of its key would have it."""
    key = load_pem_private_key((server.data / "ca" / "issuing.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate((server.data / "ca" / "issuing.pem").read_bytes()), key


def forge(
    directory: Path,
    issuer: tuple[x509.Certificate, EllipticCurvePrivateKey],
    *,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    days: tuple[float, float] = (-1, 1),
) -> Identity:
    """A client certificate under that issuer that no inventory knows."""
    certificate, issuer_key = issuer
    key, now = make_key(), datetime.now(UTC)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)]))
        .issuer_name(certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    directory.mkdir(exist_ok=True)
    identity = Identity(directory / "chain.pem", directory / "key.pem", "")
    identity.chain.write_bytes(leaf.public_bytes(Encoding.PEM) + certificate.public_bytes(Encoding.PEM))
    identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return identity


def test_one_of_ours_that_the_inventory_does_not_know(server: Server, tmp_path: Path) -> None:
    """A certificate that verifies but was never recorded is nobody: a stolen key of the CA gives no identity."""
    forged = forge(tmp_path, stolen(server))
    with server.holder(forged) as client:
        for url, query in (
            (server.mtls_director, VIEWER),
            (server.mtls_connector, "mutation { result: revokeCertificate }"),
        ):
            with pytest.raises(Refused) as caught:
                client.query(url, query)
            assert caught.value.code == "certificate_unknown"


@pytest.mark.parametrize("case", ["another CA", "expired", "not yet valid", "server certificate"])
def test_refused_in_the_handshake(server: Server, tmp_path: Path, case: str) -> None:
    """A certificate of another CA, outside its validity, or for another purpose ends in the handshake."""
    now, key = datetime.now(UTC), make_key()
    other = make_issuer(now=now, key=key)
    forged = {
        "another CA": lambda: forge(tmp_path, (other.certificate, key)),
        "expired": lambda: forge(tmp_path, stolen(server), days=(-2, -1)),
        "not yet valid": lambda: forge(tmp_path, stolen(server), days=(1, 2)),
        "server certificate": lambda: forge(tmp_path, stolen(server), usage=ExtendedKeyUsageOID.SERVER_AUTH),
    }[case]()
    with server.holder(forged) as client, pytest.raises(httpx2.HTTPError):
        client.query(server.mtls_director, VIEWER)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Identity]]:
    """A server that knows a system by the corpus's common name, and that system's certificate."""
    directory = tmp_path_factory.mktemp("victim")
    server = Server(directory / "data", UNLIMITED)
    server.start()
    server.stop()

    async def plant() -> str:
        store = open_sqlite(server.data / "connector.db")

        def make(tx: Transaction) -> str:
            realm = Installation(tx, COMMAND).enter("default")
            entity = registration.register(realm, EntityKind.APPLICATION, {"name": "victim"}, allowances=Allowances())
            realm.directory.add_system_auth(SystemAuth(COMMON_NAME, realm.tenant_id, entity.id, entity.kind, realm.now))
            minted = registration.hand_over_under(
                realm, entity.kind, COMMON_NAME, policy=POLICY.tokens, allowances=Allowances()
            )
            return minted.secret.text

        try:
            return await store.transaction(make)
        finally:
            await store.close()

    token = asyncio.run(plant())
    with server:
        yield server, server.enroll(token, directory / "identity")


def sent(path: Path) -> str:
    """What a client would send for this file."""
    octets = path.read_bytes()
    if path.suffix == ".b64":
        return octets.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()
    if path.suffix == ".der":
        body = b64encode(octets).decode()
        lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
        octets = f"-----BEGIN CERTIFICATE REQUEST-----\n{lines}\n-----END CERTIFICATE REQUEST-----\n".encode()
    return b64encode(octets).decode()


def corpus() -> list[tuple[str, str]]:
    """Names and contents of the corpus's files; none where it does not lie beside the checkout."""
    index = CORPUS / "index.tsv"
    lines = index.read_text().splitlines()[1:] if index.exists() else []
    names = [line.split("\t", 1)[0] for line in lines]
    return [(name, sent(CORPUS / name)) for name in names]


def body(csr: str) -> bytes:
    """The request's body: any text, a lone surrogate too, is ASCII once it is JSON."""
    return json.dumps({"query": SIGN, "variables": {"csr": csr}}).encode("ascii")


def sign(client: Client, url: str, csr: str) -> tuple[str, str]:
    """Ask for a signature: the refusal's code and message, or "issued" and the chain. It does not take long."""
    started = time.monotonic()
    answer = client._http.post(url, content=body(csr), headers={"Content-Type": "application/json"})  # noqa: SLF001 - the raw answer is what is judged
    assert time.monotonic() - started < SECONDS
    content = answer.json()
    if "errors" not in content:
        assert answer.status_code == 200
        return "issued", content["data"]["result"]["certificateChain"]
    (error,) = content["errors"]
    code = error["extensions"]["error"]
    assert answer.status_code == REFUSED_WHOLE.get(code, 200)
    return code, error["message"]


def sign_twice(client: Client, url: str, csr: str) -> tuple[str, str]:
    """Ask twice, and get the same answer; of two certificates, the first."""
    first, second = (sign(client, url, csr) for _ in range(2))
    assert first[0] == second[0]
    assert first == second or first[0] == "issued"
    return first


def assert_ours(chain: str) -> None:
    """The certificate holds our subject and our extensions alone."""
    leaf = x509.load_pem_x509_certificates(b64decode(chain))[0]
    assert leaf.subject.rfc4514_string() == f"CN={COMMON_NAME},C=DE,ST=province,L=locality,OU=OrgUnit,O=Org"
    found = {extension.oid.dotted_string for extension in leaf.extensions}
    assert found == {"2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.14", "2.5.29.35"}


def test_our_vectors_over_the_wire(victim: tuple[Server, Identity], subtests: pytest.Subtests) -> None:
    """Each vector of ours gets its own answer over the wire, within a second, twice the same."""
    server, identity = victim
    with server.holder(identity) as client:
        for vector in vectors(SUBJECT, COMMON_NAME):
            with subtests.test(vector.name):
                code, text = sign_twice(client, server.mtls_connector, vector.text)
                if vector.refusal is None:
                    assert code == "issued", vector.why
                    assert_ours(text)
                elif code == "body_too_large":
                    assert len(body(vector.text)) > BODY_OCTETS, vector.why
                elif code == "bad_request":
                    # Half a character: JSON can write it, no text can hold it (RFC 8259 8.2).
                    assert any("\ud800" <= character <= "\udfff" for character in vector.text), vector.why
                else:
                    assert code == vector.refusal.code, vector.why
                    assert vector.says in text


def test_the_corpus_over_the_wire(victim: tuple[Server, Identity], subtests: pytest.Subtests) -> None:
    """Each file of the corpus, where it lies beside the checkout, gets a clean answer within a second, twice the same,
    and what is issued holds our subject and our extensions alone.
    """
    server, identity = victim
    with server.holder(identity) as client:
        for name, csr in corpus():
            with subtests.test(name):
                code, text = sign_twice(client, server.mtls_connector, csr)
                assert code in {"issued", "body_too_large"} or code.startswith("csr_")
                if code == "issued":
                    assert_ours(text)
