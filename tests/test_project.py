"""The project's own rules, as far as no linter holds them."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def all_tests() -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_every_test_states_its_rule() -> None:
    """Every test has a docstring."""
    assert [node.name for node in all_tests() if not ast.get_docstring(node)] == []


def test_nothing_is_skipped() -> None:
    """No test is skipped or expected to fail."""
    words = ("pytest.skip", "pytest.mark.skip", "pytest.mark.xfail", "pytest.xfail", "importorskip")
    found = [
        f"{path.name}: {word}"
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for word in words
        if word in path.read_text()
    ]
    assert found == []


def test_the_lock_names_no_address() -> None:
    """Dependencies are locked by name, version and hash alone."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()

    assert not [line for line in lines if "://" in line or line.startswith("-")]
    assert len([line for line in lines if "==" in line]) <= len([line for line in lines if "--hash=sha256:" in line])


def test_links_lead_somewhere() -> None:
    """Every relative link on a page of ours leads to a file that is there."""
    broken = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for part in page.read_text().split("](")[1:]:
            target = part.split(")", 1)[0].split("#", 1)[0]
            if target and "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_client_installs_alone() -> None:
    """The client's modules load where nothing of the server is installed."""
    forbidden = [
        "sqlalchemy",
        "starlette",
        "uvicorn",
        "ariadne",
        "graphql",
        "pydantic",
        "structlog",
        "typer",
        "rich",
        "pysqlite3",
    ]
    script = (
        f"import sys\nfor name in {forbidden!r}: sys.modules[name] = None\nimport connector.client, connector.pairing\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
