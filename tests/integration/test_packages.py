"""What other machines install: the files of `make dist`."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import requires
from pathlib import Path
from shutil import copytree

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PARTS = {"server.txt": "requirements-server.lock", "agent.txt": "requirements-agent.lock"}


def pinned(text: str) -> dict[str, str]:
    """Each distribution's version and hashes, as a lock has them; conditions are left out."""
    found = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        first, *hashes = entry.split(" \\\n")
        name, _, version = first.partition(";")[0].strip().partition("==")
        found[canonicalize_name(name)] = " ".join([version, *map(str.strip, hashes)])
    return found


def build(checkout: Path, *, umask: int) -> Path:
    """Make dist there, by the environment of this checkout."""
    bin_directory = checkout / ".venv"
    bin_directory.symlink_to(sys.prefix)
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    command = ["make", "--silent", "--old-file=.venv/.installed", "dist"]
    subprocess.run(command, cwd=checkout, env=env, check=True, capture_output=True, umask=umask)
    return checkout / "dist"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, built twice: from two copies, at two times, under two umasks; they are the same."""
    made = []
    for umask in (0o022, 0o077):
        checkout = tmp_path_factory.mktemp("checkout") / f"umask-{umask:o}"
        checkout.mkdir()
        for name in ("src", "examples"):
            copytree(ROOT / name, checkout / name, copy_function=copy_anew)
        for path in [*ROOT.glob("*.*"), ROOT / "LICENSE", ROOT / "Makefile"]:
            if path.is_file():
                copy_anew(path, checkout / path.name)
        made.append(build(checkout, umask=umask))
    first, second = ({path.name: path.read_bytes() for path in each.iterdir()} for each in made)
    assert first == second
    return made[0]


def copy_anew(source: str | Path, target: str | Path) -> None:
    """Copy the content alone, so that times and modes differ."""
    Path(target).write_bytes(Path(source).read_bytes())


def test_the_checksums_are_right(dist: Path) -> None:
    """SHA256SUMS names every other file with its SHA-256."""
    told = dict(reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert told == {
        path.name: sha256(path.read_bytes()).hexdigest() for path in dist.iterdir() if path.name != "SHA256SUMS"
    }


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_pinned_to_what_was_tested(dist: Path, part: str) -> None:
    """The list has the wheel by its hash, and what that part needs, in the versions and by the hashes of the lock with
    which the tests run.
    """
    first, _, rest = (dist / part).read_text().partition("\n")
    (wheel,) = dist.glob("*.whl")
    extra = "[server]" if part == "server.txt" else ""
    assert first == f"./{wheel.name}{extra} --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}"
    assert rest == (ROOT / PARTS[part]).read_text()

    listed, tested = pinned(rest), pinned((ROOT / "requirements.lock").read_text())
    assert listed.items() <= tested.items()
    needed = [Requirement(each) for each in requires("connector-mtls") or []]
    wanted = {each.name for each in needed if each.marker is None or (extra and "server" in str(each.marker))}
    assert {canonicalize_name(each) for each in wanted} <= listed.keys()
    assert "pytest" not in listed
    assert ("sqlalchemy" in listed) == bool(extra)


def test_the_wheel_runs_where_it_is_installed(dist: Path, tmp_path: Path) -> None:
    """Installed into an empty directory, both commands are there and run from it; its name is not one that anybody else
    could have taken for ours.
    """
    (wheel,) = dist.glob("*.whl")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
    ]
    subprocess.run([*install, "--target", str(tmp_path), str(wheel)], check=True)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for name in ("connector", "connector-agent"):
        script = tmp_path / "bin" / name
        done = subprocess.run(
            [sys.executable, str(script), "--version"], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.split()[-1] == wheel.name.split("-")[1]
    where = "import connector; print(connector.__file__)"
    done = subprocess.run([sys.executable, "-c", where], env=env, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
    assert wheel.name.startswith("connector_mtls-")


def test_nobody_is_told_to_take_us_from_an_index() -> None:
    """No document, page, example or message says to install by a name that an index may give to anybody."""
    told = []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.*"), *ROOT.glob("examples/**/*")]:
        if path.is_file() and path.suffix != ".pyc" and path.name != "CHANGELOG.md":
            told += re.findall(r"(?:pip|pipx|uv tool) install (?:-U |--upgrade )?'?connector[^-/_].*", path.read_text())
    assert told == []
