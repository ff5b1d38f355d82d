"""Drivers: programs in other languages that behave as Compass's clients do, against a real server (tests/drivers)."""

import os
import subprocess
from pathlib import Path

from tests.support.director import director
from tests.support.server import Server, environment

DRIVERS = Path(__file__).parents[1] / "drivers"
SECONDS = 240.0


def world(server: Server, tenant: str) -> dict[str, str]:
    """Where the server is and who administers it, in a tenant that is new: the environment of a driver."""
    with director(server, tenant) as admin:
        key = admin.key
    return environment(
        {
            "PUBLIC": server.urls["public"],
            "MTLS": server.urls["mtls"],
            "INTERNAL": server.urls["internal"],
            "ROOT": str(server.data / "ca" / "root.pem"),
            "ADMIN_KEY": key,
            "TENANT": tenant,
        }
    )


def drive(env: dict[str, str], directory: Path, *command: str) -> list[str]:
    """Run a driver in this directory: the lines in which it says what it did."""
    done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{done.stderr[-3000:]}\nafter: {done.stdout}"
    return done.stdout.splitlines()


def build_go(directory: Path) -> Path:
    """The Go drivers as one program. Only Go's standard library is in it, so that nothing is downloaded."""
    program = directory / "drivers"
    env = {"GOCACHE": str(directory / "cache"), **os.environ} if "HOME" not in os.environ else dict(os.environ)
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=DRIVERS / "go",
        env={**env, "GO111MODULE": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program
