"""The settings by command: checked as a start would, and shown as they are in force."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.server import COMMAND, environment

PASSPHRASE = "a passphrase of the test"  # noqa: S105 - of the test


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
    given = {"CONNECTOR_CA__PASSPHRASE": PASSPHRASE, "CONNECTOR_LIMITS__ATTEMPTS": "7"}
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
    assert PASSPHRASE not in json.dumps(everything) + config(here, "show", settings=given).stdout


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


@pytest.mark.parametrize(
    ("variable", "content", "mode", "said"),
    [
        ("CONNECTOR_GATEWAYS__SECRET_FILE", "short", 0o600, "at least 32"),
        ("CONNECTOR_GATEWAYS__SECRET_FILE", "x" * 40, 0o644, "chmod"),
        ("CONNECTOR_CA__PASSPHRASE_FILE", None, 0o600, "No such file"),
    ],
)
def test_files_that_the_settings_name_are_checked(
    here: Path, variable: str, content: str | None, mode: int, said: str
) -> None:
    """A secret's file that is missing, open to others, or no secret fails the check; the message names it."""
    path = here / "secret"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    done = config(here, "check", settings={variable: str(path)})
    assert done.returncode != 0
    assert str(path) in done.stderr
    assert said in done.stderr
