"""The old CA and its revocations as files: what does not fit is refused."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.compass import OldCA, pem, write_revocations

from connector.compass import read_ca, read_revocations
from connector.domain.refusals.objects import InvalidData
from connector.exposure import Exposed, Trusted

HERE = Trusted.here()


@pytest.fixture(scope="module")
def old() -> OldCA:
    return OldCA()


def other_key() -> bytes:
    return OldCA().client_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("root", [None, OldCA(name="Root")], ids=["a root", "below a root"])
def test_the_ca_is_the_first_certificate(tmp_path: Path, root: OldCA | None) -> None:
    """The CA is read with its key, without it, and with its root behind it, which is not trusted."""
    ca = OldCA(below=root)
    directory = ca.write(tmp_path / "ca")
    assert read_ca(directory, HERE).certificate == ca.certificate
    (directory / "ca.key").unlink()
    assert read_ca(directory, HERE).certificate == ca.certificate


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda ca: (ca / "ca.key").write_bytes(other_key()), "not the key of"),
        (lambda ca: (ca / "ca.key").write_bytes(b"no key"), "not an unencrypted key"),
        (lambda ca: (ca / "ca.crt").write_bytes(b"no certificate"), r"ca\.crt cannot be used"),
        (lambda ca: (ca / "ca.crt").write_bytes(pem(OldCA().issue("x"))), "not the certificate of a CA"),
        (lambda ca: (ca / "ca.crt").write_bytes(pem(OldCA(is_ca=False).certificate)), "not the certificate of a CA"),
        (lambda ca: (ca / "ca.crt").write_bytes(pem(OldCA(bits=1024).certificate)), "fewer than 2048 bits"),
        (lambda ca: (ca / "ca.crt").unlink(), "cannot be read"),
    ],
    ids=["another's key", "no key", "no certificate", "a client's", "no CA", "a weak key", "none"],
)
def test_a_ca_that_does_not_fit_is_refused(
    old: OldCA, tmp_path: Path, break_it: Callable[[Path], object], said: str
) -> None:
    """A CA with another's key, what is no CA, and one with a weak key are refused."""
    directory = old.write(tmp_path / "ca")
    break_it(directory)
    with pytest.raises(InvalidData, match=said):
        read_ca(directory, HERE)


def test_a_key_that_others_can_read_is_refused(old: OldCA, tmp_path: Path) -> None:
    """Whoever can read the old CA's key can become any of its holders: the import names the file."""
    directory = old.write(tmp_path / "ca")
    (directory / "ca.key").chmod(0o644)
    with pytest.raises(Exposed, match=r"ca\.key"):
        read_ca(directory, HERE)


def test_revocations_are_read_from_a_configmap_or_its_data(old: OldCA, tmp_path: Path) -> None:
    """The hashes are the keys of the ConfigMap's data, whichever of both is written; an empty one holds none."""
    certificate = old.issue("x")
    wanted = {sha256(certificate.public_bytes(Encoding.DER)).digest()}
    path = write_revocations(tmp_path / "revocations.json", certificate)
    assert read_revocations(path, HERE) == wanted
    path.write_text(json.dumps(json.loads(path.read_text())["data"]))
    assert read_revocations(path, HERE) == wanted
    for empty in ("{}", '{"kind": "ConfigMap"}'):
        path.write_text(empty)
        assert read_revocations(path, HERE) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"abc": "abc"}',
        f'{{"{"0" * 64}": "x", "{"0" * 62}": "x"}}',
        f'{{"{"0" * 62} 0": "x"}}',
        f'{{"{"a" * 64}": "x", "{"a" * 64}": "x"}}',
        '{"kind": "ConfigMap", "data": ["a"]}',
    ],
)
def test_revocations_of_which_one_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    """One entry that is no SHA-256 refuses the file: it may be the one that matters."""
    path = tmp_path / "revocations.json"
    path.write_text(text)
    with pytest.raises(InvalidData):
        read_revocations(path, HERE)
