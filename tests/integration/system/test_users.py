"""The user who runs a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector.system.users import login_name

ASK = [sys.executable, "-c", "from connector.system.users import login_name; print(login_name())"]
# The same by other programs: the login's user where the kernel has one, else the process's.
ORACLE = """
uid=$(cat /proc/self/loginuid 2>/dev/null || id -u)
[ "$uid" != 4294967295 ] || uid=$(id -u)
getent passwd "$uid" | cut -d : -f 1
"""


def asked(**variables: str) -> str:
    env = {**os.environ, **variables}
    return subprocess.run(ASK, capture_output=True, text=True, check=True, env=env).stdout.strip()


def test_name_is_that_of_the_system() -> None:
    """It is what the kernel and the list of users say, whatever the environment claims."""
    expected = subprocess.run(["sh", "-c", ORACLE], capture_output=True, text=True, check=True).stdout.strip()
    assert expected
    assert asked() == expected
    assert asked(LOGNAME="somebody", USER="somebody", SUDO_USER="somebody") == expected


@pytest.mark.parametrize(("kept", "expected"), [("1", "daemon"), ("54321", "54321")])
def test_who_logged_in_is_named_and_not_who_they_became(tmp_path: Path, kept: str, expected: str) -> None:
    """Under sudo it is the login's user, whom the kernel keeps for all that follows; one without a name is a number."""
    login = tmp_path / "loginuid"
    login.write_text(kept)
    assert login_name(login) == expected


@pytest.mark.parametrize("kept", ["4294967295", "", "no number", None])
def test_without_a_login_it_is_the_process(tmp_path: Path, kept: str | None) -> None:
    """In a container nobody has logged in, and other systems keep no such file: the process's own user is named."""
    login = tmp_path / "loginuid"
    if kept is not None:
        login.write_text(kept)
    own = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert login_name(login) == own
