"""What an owner reads when the agent's files cannot be used: the file, and the least destructive next step."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.agents import AGENT, Done, enrolled
from tests.support.local_users import UNPRIVILEGED
from tests.support.server import Server, environment

FILES, UNWELL = 8, 10
OTHER = 4200002


@pytest.fixture(scope="module")
def whole(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enrolled(server, tmp_path_factory.mktemp("whole") / "identity")


@pytest.fixture
def directory(whole: Path, tmp_path: Path) -> Path:
    """A copy of an identity, to be spoilt."""
    return Path(shutil.copytree(whole, tmp_path / "identity", symlinks=True))


def ordinary(command: str, directory: Path, *arguments: str) -> Done:
    """The command as a user whom rights hold for."""
    return subprocess.run(
        [*UNPRIVILEGED, *AGENT, command, "-d", str(directory), *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )


def key(directory: Path) -> Path:
    return (directory / "tls.key").resolve()


def unreadable(directory: Path) -> Path:
    key(directory).chmod(0)
    return key(directory)


def missing(directory: Path) -> Path:
    path = key(directory)
    path.unlink()
    return path


def closed(directory: Path) -> Path:
    directory.chmod(0)
    return directory


def anothers(directory: Path) -> Path:
    for path in (directory, *directory.rglob("*")):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    return directory


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        (unreadable, "Run: chmod u+rw "),
        (missing, "back from a backup"),
        (closed, "Run: chmod u+rwx "),
        # Only root can give a directory to another user.
        *([(anothers, f"user {OTHER}")] if os.geteuid() == 0 else []),
    ],
)
def test_trouble_with_a_file_names_it_and_the_next_step(
    directory: Path, spoil: Callable[[Path], Path], step: str
) -> None:
    """Every command ends with the file's name and a step that destroys nothing, and never with a traceback; the doctor
    finds it too.
    """
    path = spoil(directory)
    try:
        for command in (("status",), ("renew", "--patience", "0"), ("call",), ("revoke", "--yes")):
            done = ordinary(command[0], directory, *command[1:])
            assert done.returncode == FILES, done.stderr
            assert str(path) in done.stderr
            assert step in done.stderr
            assert "Traceback" not in done.stderr + done.stdout
            assert "--replace" not in done.stderr
        done = ordinary("doctor", directory)
        assert (done.returncode, done.stderr) == (UNWELL, "")
        assert str(path) in done.stdout
        assert step in done.stdout
    finally:
        directory.chmod(0o700)


def test_an_unreadable_key_is_not_given_up(directory: Path) -> None:
    """Where a change of rights is enough, the doctor does not advise what destroys the identity; once that is done, all
    is well.
    """
    path = unreadable(directory)
    assert "--replace" not in ordinary("doctor", directory).stdout
    path.chmod(0o600)
    assert ordinary("doctor", directory).returncode == 0


def test_a_directory_that_is_not_there_wants_no_space(tmp_path: Path) -> None:
    """A name that was mistyped is said to be one: nothing about the disk."""
    done = ordinary("doctor", tmp_path / "nowhere")
    assert done.returncode == UNWELL
    assert "name the identity's directory with -d" in done.stdout
    assert "space" not in done.stdout
