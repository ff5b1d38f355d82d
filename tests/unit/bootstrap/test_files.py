"""Which files of an installation are looked at, and on whose word."""

import os
from pathlib import Path

import pytest

from connector.bootstrap.files import load_safely
from connector.exposure import Exposed

GROUP, OURS = "CONNECTOR_FILES__GROUP", str(os.getegid())


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with a settings file; both have this process's group."""
    monkeypatch.delenv(GROUP, raising=False)
    made = tmp_path / "data"
    (made / "ca").mkdir(parents=True)
    (made / "connector.toml").write_text("")
    return made


def exposed(data: Path) -> list[str]:
    """What is refused, by its name in the directory."""
    try:
        load_safely(data_dir=data, config=None)
    except Exposed as refusal:
        return [str(finding.path.relative_to(data)) for finding in refusal.findings]
    return []


SECRET = ["ca/root.key", "ca/issuing.key", "admin.key", "connector.db", "connector.db-wal", "connector.db-shm"]
NAMED = ["key", "passphrase", "url", "secret"]


def test_every_secret_is_looked_at(data: Path) -> None:
    """The keys, the database and its journals, and each secret that the settings name: all are told at once."""
    (data / "connector.toml").write_text(
        '[tls]\nkey_file = "key"\ncertificate_file = "chain"\n[ca]\npassphrase_file = "passphrase"\n'
        '[database]\nurl_file = "url"\n[oidc]\nclient_secret_file = "secret"\nca_file = "anchors"\n'
    )
    for name in (*SECRET, *NAMED, "chain", "anchors", "ca/root.pem", "addresses.json"):
        (data / name).touch(0o644)
    assert sorted(exposed(data)) == sorted([*SECRET, *NAMED])
    for name in (*SECRET, *NAMED):
        (data / name).chmod(0o600)
    assert exposed(data) == []
    for name in ("chain", "anchors", "ca/root.pem"):
        (data / name).chmod(0o646)

    assert sorted(exposed(data)) == ["anchors", "ca/root.pem", "chain"]


def test_settings_file_cannot_say_who_may_write_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that may write the settings file is let in by the environment alone: by the file it would let itself in.
    The file can name a group for the other files.
    """
    (data / "connector.toml").write_text(f'[files]\ngroup = "{OURS}"\n')
    (data / "connector.toml").chmod(0o660)
    assert exposed(data) == ["connector.toml"]
    monkeypatch.setenv(GROUP, OURS)
    assert exposed(data) == []
    monkeypatch.delenv(GROUP)
    (data / "connector.toml").chmod(0o640)
    (data / "ca").chmod(0o770)

    assert exposed(data) == []


def test_settings_of_others_are_not_read(data: Path) -> None:
    """A loose file is refused for its mode, before what is in it can be wrong."""
    (data / "connector.toml").write_text("nonsense")
    (data / "connector.toml").chmod(0o666)

    assert exposed(data) == ["connector.toml"]
