"""Who may renew, tried over the wire."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.support.server import Identity, Server, obtain

from connector.client import Client, Refused, make_csr

AT_ONCE = 100


@pytest.fixture
def identity(server: Server, tmp_path: Path) -> Identity:
    """An enrolled application."""
    return server.enroll(server.token(server.application(tmp_path.name[:80])), tmp_path / "identity")


def renew(server: Server, identity: Identity, subject: str | None = None) -> bytes:
    """Renew for the same key, under the identity's subject unless another is given: the new chain."""
    key = load_pem_private_key(identity.key.read_bytes(), None)
    with server.holder(identity) as client:
        return client.sign(server.mtls_connector, make_csr(key, subject or identity.subject))


def serial(chain: bytes) -> int:
    return x509.load_pem_x509_certificates(chain)[0].serial_number


def test_a_valid_certificate_renews_for_a_new_key_and_for_the_same(
    server: Server, identity: Identity, tmp_path: Path
) -> None:
    """A renewal may bring a new key or keep the key; either way it is another certificate with another serial."""
    with server.holder(identity) as client:
        rekeyed = obtain(client, server.mtls_connector, client.configuration(server.mtls_connector), tmp_path / "new")
    renewed = renew(server, identity)

    serials = {serial(chain) for chain in (identity.chain.read_bytes(), rekeyed.chain.read_bytes(), renewed)}
    assert len(serials) == 3


def test_a_superseded_certificate_renews_until_it_is_revoked(server: Server, identity: Identity) -> None:
    """Whoever lost the answer to a renewal still has the former certificate, and it is as good as before."""
    renew(server, identity)
    renew(server, identity)

    with server.holder(identity) as client:
        assert client.query(server.mtls_connector, "mutation { result: revokeCertificate }")
    with pytest.raises(Refused) as refused:
        renew(server, identity)
    assert refused.value.code == "certificate_revoked"


def test_nobody_renews_under_anothers_name(server: Server, identity: Identity, tmp_path: Path) -> None:
    """Neither a stranger's common name nor that of a system auth of the same application is granted."""
    application = server.application(f"siblings-{tmp_path.name[:60]}")
    one, sibling = (server.enroll(server.token(application), tmp_path / name) for name in ("one", "sibling"))

    for subject in (identity.subject, sibling.subject):
        with pytest.raises(Refused) as refused:
            renew(server, one, subject)
        assert refused.value.code == "csr_subject_mismatch"


def test_a_hundred_renewals_at_once(server: Server, identity: Identity) -> None:
    """Each of a hundred renewals at once is a certificate of its own, recorded, for the holder and nobody else."""
    with ThreadPoolExecutor(10) as threads:
        chains = list(threads.map(lambda _: renew(server, identity), range(AT_ONCE)))

    serials = {f"{serial(chain):x}" for chain in chains}
    assert len(serials) == AT_ONCE
    subjects = {x509.load_pem_x509_certificates(chain)[0].subject for chain in chains}
    assert len(subjects) == 1
    common_name = identity.subject.rpartition("CN=")[2]
    document = """query ($id: ID!, $after: PageCursor) {
        result: certificates(filter: {systemAuthID: $id}, after: $after) { data { serial state } }
    }"""
    recorded = server.administer(document, {"id": common_name})["data"]
    assert serials <= {each["serial"] for each in recorded}
    assert len(recorded) == AT_ONCE + 1


def test_a_client_that_holds_nothing_renews_nothing(server: Server, identity: Identity) -> None:
    """Without a certificate there is no connection on the mutual-TLS address."""
    key = load_pem_private_key(identity.key.read_bytes(), None)
    with Client(root=server.root) as client, pytest.raises((httpx2.TransportError, Refused)):
        client.sign(server.mtls_connector, make_csr(key, identity.subject))
