"""The settings by command: checked as a start would, and shown as they are in force."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.ca import CA
from tests.support.server import COMMAND, environment


def config(
    here: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, "config", *arguments, "--data-dir", str(here)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(settings or {}), check=False)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A data directory with a settings file, in which no server was ever started."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    (directory / "connector.toml").write_text('[certificates]\nvalidity = "30d"\n')
    return directory


def test_settings_in_force_are_shown(here: Path) -> None:
    """Those that differ from the default are shown with their source, and with --all every one. No secret is."""
    given = {"CONNECTOR_CA__PASSPHRASE": "not for the eyes of others", "CONNECTOR_LIMITS__ATTEMPTS": "7"}
    done = config(here, "show", "--json", settings=given)
    shown = {each["setting"]: (each["value"], each["from"]) for each in json.loads(done.stdout)}
    assert shown == {
        "certificates.validity": ('"30d"', str(here / "connector.toml")),
        "limits.attempts": ("7", "environment"),
        "ca.passphrase": ("set, and not shown", "environment"),
    }
    everything = json.loads(config(here, "show", "--all", "--json", settings=given).stdout)
    assert len(everything) > 80
    assert shown.items() <= {each["setting"]: (each["value"], each["from"]) for each in everything}.items()
    assert given["CONNECTOR_CA__PASSPHRASE"] not in json.dumps(everything) + config(here, "show", settings=given).stdout


def test_defaults_alone_are_said_to_be(tmp_path: Path) -> None:
    """Where nothing was changed, the list is empty and names the command for all."""
    (tmp_path / "data").mkdir(mode=0o700)
    done = config(tmp_path / "data", "show")
    assert (done.returncode, done.stdout, "config show --all" in done.stderr) == (0, "", True)


def test_good_settings_are_valid(here: Path) -> None:
    """The check says so, and starts nothing: the directory is as it was."""
    done = config(here, "check")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"settings: valid\nchanged: 1\nfrom: {here / 'connector.toml'}\n"
    assert [path.name for path in here.iterdir()] == ["connector.toml"]


def test_everything_that_is_wrong_is_listed(here: Path) -> None:
    """All wrong settings at once, each with its source, and the exit status of a start with them."""
    (here / "connector.toml").write_text('[certificates]\nvalidty = "30d"\n[limits]\nattempts = -1\n')
    done = config(here, "check", settings={"CONNECTOR_LOG__LEVEL": "loud"})
    started = subprocess.run(
        [*COMMAND, "serve", "--data-dir", str(here)],
        capture_output=True,
        text=True,
        env=environment({"CONNECTOR_LOG__LEVEL": "loud"}),
        check=False,
    )
    assert (done.returncode, done.stderr) == (started.returncode, started.stderr)
    for part in ("certificates.validty", "Did you mean validity?", "limits.attempts", "log.level (environment)"):
        assert part in done.stderr


def test_files_with_secrets_are_checked(here: Path) -> None:
    """A secret's file that is missing, open to others, or no secret fails the check; the message names it."""
    path = here / "secret"
    oidc = {"CONNECTOR_OIDC__ISSUER": "https://login.example", "CONNECTOR_OIDC__CLIENT_ID": "connector"}
    variables: Mapping[str, Mapping[str, str]] = {
        "CONNECTOR_GATEWAYS__SECRET_FILE": {},
        "CONNECTOR_CA__PASSPHRASE_FILE": {},
        "CONNECTOR_DATABASE__URL_FILE": {},
        "CONNECTOR_OIDC__CLIENT_SECRET_FILE": oidc,
    }
    for variable, others in variables.items():
        said = refused(here, {variable: str(path), **others})
        assert str(path) in said, variable
        assert "No such file" in said, variable
    path.write_text("x" * 40)
    path.chmod(0o644)
    for variable, others in variables.items():
        assert f"chmod 600 {path}" in refused(here, {variable: str(path), **others}), variable
    path.chmod(0o600)
    path.write_text("short")
    assert "at least 32" in refused(here, {"CONNECTOR_GATEWAYS__SECRET_FILE": str(path)})


def test_servers_certificate_is_checked(here: Path) -> None:
    """A key of another certificate, or what is no certificate, fails the check; a good pair passes it."""
    ca = CA.make()
    for name in ("good", "other"):
        text = ca.server().write(here / name, ca.issuing).read_text()
        (key,) = re.findall(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n", text, re.DOTALL)
        (here / f"{name}.pem").write_text(text.replace(key, ""))
        (here / f"{name}.key").touch(0o600)
        (here / f"{name}.key").write_text(key)

    def settings(certificate: str, key: str) -> Mapping[str, str]:
        files = {"CERTIFICATE": here / certificate, "KEY": here / key}
        return {f"CONNECTOR_TLS__{name}_FILE": str(path) for name, path in files.items()}

    done = config(here, "check", settings=settings("good.pem", "good.key"))
    assert done.returncode == 0, done.stderr
    assert "server certificate cannot be used" in refused(here, settings("good.pem", "other.key"))
    assert "server certificate cannot be used" in refused(here, settings("connector.toml", "good.key"))


def test_settings_that_do_not_fit_together_are_refused(here: Path) -> None:
    """What a start looks at beyond each single setting, the check does too, in the same words."""
    given = {"CONNECTOR_LISTENERS__FORWARDED": "127.0.0.1:0"}
    started = subprocess.run(
        [*COMMAND, "serve", "--data-dir", str(here)],
        capture_output=True,
        text=True,
        env=environment(given),
        check=False,
    )
    assert "gateways.dialect" in started.stderr
    assert refused(here, given) == started.stderr


def refused(here: Path, settings: Mapping[str, str]) -> str:
    """What the check says, which fails as a start does: with exit status 2, and nothing made."""
    before = sorted(path.name for path in here.iterdir())
    done = config(here, "check", settings=settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in here.iterdir()) == before
    return done.stderr
