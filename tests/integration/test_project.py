"""The project's own rules, as far as no linter holds them."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import grimp
from tests.support import drawing
from tests.support.refusals import all_refusals

from connector.domain.refusals.csr import BadCSR

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
FUNCTION_LINES = 40
MODULE_LINES = 400

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> list[Function]:
    """Every function in the tree, but not the tree itself."""
    return [node for node in ast.walk(tree) if isinstance(node, Function) and node is not tree]


def all_tests() -> list[Function]:
    return [
        function
        for path in (ROOT / "tests").rglob("test_*.py")
        for function in functions(ast.parse(path.read_text()))
        if function.name.startswith("test_")
    ]


def lines(node: ast.AST) -> set[int]:
    """The numbers of the node's lines, decorators and all."""
    first, *_ = getattr(node, "decorator_list", []) or [node]
    return set(range(first.lineno, node.end_lineno + 1))  # type: ignore[attr-defined]


def length(function: Function) -> int:
    """The function's lines without its docstring. A function within it is measured on its own."""
    apart: list[ast.AST] = list(functions(function))
    if ast.get_docstring(function) is not None:
        apart.append(function.body[0])
    return len(lines(function).difference(*map(lines, apart)))


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


def test_functions_and_modules_are_short() -> None:
    """A function has at most 40 lines and a module at most 400, so that each can be read at a glance."""
    modules = {path.relative_to(SOURCE): path.read_text() for path in SOURCE.rglob("*.py")}

    assert [str(path) for path, text in modules.items() if len(text.splitlines()) > MODULE_LINES] == []
    assert [
        f"{path}: {function.name}"
        for path, text in modules.items()
        for function in functions(ast.parse(text))
        if length(function) > FUNCTION_LINES
    ] == []


def test_no_two_modules_need_each_other() -> None:
    """No chain of imports leads from a module back to it, those inside functions included."""
    graph = grimp.build_graph("connector")
    cyclic = set(graph.modules)
    while True:
        first = {module for module in cyclic if not graph.find_modules_directly_imported_by(module) & cyclic}
        last = {module for module in cyclic if not graph.find_modules_that_directly_import(module) & cyclic}
        if not first | last:
            break
        cyclic -= first | last
    assert len(graph.modules) > 150
    assert sorted(cyclic) == []


def test_the_drawing_of_the_packages_is_current() -> None:
    """The drawing in docs/architecture.md shows the packages and imports that there are."""
    page = drawing.PAGE.read_text()

    assert page.count(drawing.BEGIN) == page.count(drawing.END) == 1
    assert page == drawing.with_drawing(page), "docs/architecture.md is old: run make docs"


# What touches a transaction's own repositories, apart from the doorways: what finds a caller by a credential; what acts
# for holders of tokens and certificates; what removes or counts over all tenants; the first start.
AT_THE_TRANSACTION = {
    "bootstrap/start.py": {"anchors", "keys", "tenants"},
    "usecases/admin_certificates.py": {"inventory"},
    "usecases/administrators.py": {"administrators", "links", "sessions"},
    "usecases/admission.py": {"inventory", "tokens"},
    "usecases/adoption.py": {"imports", "inventory"},
    "usecases/clients.py": {"clients"},
    "usecases/crl_publishing.py": {"crls"},
    "usecases/crls.py": {"crls"},
    "usecases/enrollment.py": {"audit", "inventory", "tokens"},
    "usecases/identity_tokens.py": {"token_keys"},
    "usecases/import_entities.py": {"tokens"},
    "usecases/import_records.py": {"imports"},
    "usecases/importing.py": {"anchors", "imports", "inventory", "issuers"},
    "usecases/issuers.py": {"anchors", "imports", "issuers"},
    "usecases/issuing.py": {"audit", "directory", "inventory"},
    "usecases/maintenance.py": {"clients", "tokens"},
    "usecases/ocsp.py": {"statuses"},
    "usecases/quotas.py": {"usage"},
    "usecases/refusals.py": {"audit", "tokens"},
    "usecases/renewal.py": {"inventory"},
    "usecases/resolving.py": {"subjects", "tenants"},
    "usecases/revocation.py": {"inventory"},
    "usecases/sightings.py": {"sightings"},
    "usecases/verdicts.py": {"subjects"},
    "web/console/signing.py": {"administrators", "links"},
    "web/console/visits.py": {"sessions"},
    "web/graphql/director/api.py": {"inventory", "keys"},
}
DOORWAYS = {"usecases/holdings.py", "usecases/realms.py", "usecases/visibility.py"}


def test_no_way_leads_around_a_realm() -> None:
    """Outside of the doorways and storage, no module asks a transaction for records but those on the list, and none
    takes the transaction out of a realm. One asks for a tenant's directory: issuing, for the holder's profile.
    """
    package, found = SOURCE / "connector", {}
    for path in package.rglob("*.py"):
        module = str(path.relative_to(package))
        if module.startswith(("storage/", "ports/")) or module in DOORWAYS:
            continue
        read = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert [node.attr for node in read if node.attr == "_tx"] == [], module
        names = {node.attr for node in read if getattr(node.value, "id", getattr(node.value, "attr", None)) == "tx"}
        if names - {"now", "new_id", "random"}:
            found[module] = names - {"now", "new_id", "random"}
    assert found == AT_THE_TRANSACTION


def test_a_refusal_says_what_to_do() -> None:
    """A refusal's message says what is wrong, then, in a sentence of its own, what to do.

    What is said of a CSR depends on the CSR: the tests of CSRs look at that.
    """
    messages = {kind.__name__: str(kind()) for kind in all_refusals() if not issubclass(kind, BadCSR)}

    assert messages
    assert [name for name, message in messages.items() if len(re.findall(r"\.(?=\s|$)", message)) < 2] == []


def test_a_refusal_is_one_line() -> None:
    """A refusal's message can be shown in a terminal or a table as it is: it has no line break."""
    assert [kind.__name__ for kind in all_refusals() if not issubclass(kind, BadCSR) and "\n" in str(kind())] == []


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    """A wheel holds every file of the package, those that are no Python too."""
    build = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run([*build, "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        packed = set(archive.namelist())

    ours = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.suffix != ".pyc" and path.is_file()}
    assert ours <= packed
    endings = (".graphql", ".html", "/py.typed", "/0001_first_tables.py")
    assert [ending for ending in endings if not any(name.endswith(ending) for name in packed)] == []


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


def test_pages_for_contributors_name_files_that_exist() -> None:
    """Every file and directory that a page for contributors names is there, below src/connector or the root."""
    pages = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "docs" / "glossary.md"]
    named = {path for page in pages for path in re.findall(r"`([a-z_]+/[a-z_/.]*(?:\.py|/))`", page.read_text())}

    assert len(named) > 50
    assert (
        sorted(path for path in named if not any((place / path).exists() for place in (SOURCE / "connector", ROOT)))
        == []
    )


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
    ours = "connector.client, connector.domain.pairing"
    script = f"import sys\nfor name in {forbidden!r}: sys.modules[name] = None\nimport {ours}\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
