"""The file of the CA certificates of administrators."""

import json
from pathlib import Path

import pytest
from cryptography import x509
from tests.support.authority import ISSUER, START
from tests.support.ca import CA, DAY
from tests.support.issuing import only
from tests.support.registrars import KEY_USAGES, issue, named

from connector.bootstrap.admin_certificates import admin_certificates, authorities
from connector.bootstrap.files import load_safely
from connector.exposure import Exposed
from connector.pki.admin_certificates import read_authorities
from connector.settings import Settings, SettingsError
from connector.system import telemetry

REGISTRARS = CA.make("Registrars")
RULE = '[[admin_certificates.rules]]\nname = "a"\nuri = "urn://a"\nrole = "viewer"\ntenants = ["*"]\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, which the settings name relative to their own place."""
    monkeypatch.delenv("CONNECTOR_FILES__GROUP", raising=False)
    (tmp_path / "connector.toml").write_text(f'[admin_certificates]\nca_file = "registrars.pem"\n{RULE}')
    path = tmp_path / "registrars.pem"
    path.write_bytes(REGISTRARS.root.pem)
    return path


def loaded(file: Path) -> tuple[bytes, ...]:
    settings, origins = load_safely(data_dir=file.parent, config=None)
    return authorities(settings, origins)


def test_the_certificates_are_read(file: Path) -> None:
    """The file's certificates are those that count."""
    assert loaded(file) == (REGISTRARS.root.der,)


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    """Nothing set is nobody let in."""
    settings = Settings(data_dir=tmp_path)

    assert authorities(settings, {}) == ()
    assert admin_certificates(settings, (), None, {}) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (None, "The file cannot be read: No such file or directory"),
        (b"", "It should hold 1 to 100 certificates in PEM"),
        (b"#" * (2 << 20), "The file cannot be read: Larger than"),
        (REGISTRARS.root.pem + REGISTRARS.root.key_pem, "The file holds a private key"),
        (REGISTRARS.client().pem, "Certificate 1 in it is not one of a CA"),
    ],
)
def test_a_bad_file_is_named(file: Path, octets: bytes | None, says: str) -> None:
    """What is wrong with the file is told as a problem of its setting, with the place where that was given."""
    file.unlink()
    if octets is not None:
        file.write_bytes(octets)

    with pytest.raises(SettingsError) as caught:
        loaded(file)

    (problem,) = map(str, caught.value.problems)
    assert problem.startswith(f"admin_certificates.ca_file ({file.parent / 'connector.toml'}): {says}")


def test_an_expired_ca_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CA certificate that has expired stops no start, since others may be good; the log names it by its place."""
    signs = x509.KeyUsage(**{name: name == "key_cert_sign" for name in KEY_USAGES})
    expired = issue(REGISTRARS.root, named("Old"), purposes=(), usage=signs, ca=True, life=(-2 * DAY, -DAY))
    both = read_authorities(REGISTRARS.root.pem + expired.pem)

    monkeypatch.setattr(telemetry.logger(), "lines", None)
    found = admin_certificates(Settings(data_dir=tmp_path), both, only(ISSUER, now=START), {})

    assert found is not None
    [record] = map(json.loads, capsys.readouterr().err.splitlines())
    assert (record["event"], record["number"]) == ("admin_certificates.ca_not_valid", 2)


def test_a_file_that_others_can_write_is_refused(file: Path) -> None:
    """Who can write the file makes administrators."""
    file.chmod(0o646)

    with pytest.raises(Exposed, match=r"registrars\.pem"):
        loaded(file)
