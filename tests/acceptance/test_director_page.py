"""The page about the Director API, word for word, in a shell, against the server that it starts."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.pages import DOCS, blocks, moved, run, server

from connector.domain import clients
from connector.domain.directory import EntityKind
from connector.domain.principals import SCOPES, Role, Scope
from connector.settings import load
from connector.web.problems import PROBLEMS

PAGE = DOCS / "director.md"
END = "--- end of block {} ---"
ANY = "…"


def rows(heading: str) -> list[list[str]]:
    """The cells of the table that begins with that line, row by row."""
    table = PAGE.read_text().split(f"{heading}\n")[1].split("\n\n")[0]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block prints, in one shell that stops at the first command that fails."""
    here = tmp_path_factory.mktemp("director")
    (here / ".venv").symlink_to(sys.prefix)
    shell = [block for fence, block in blocks(PAGE) if fence == "sh"]
    text = "".join(f"{block}echo '{END.format(number)}'\n" for number, block in enumerate(shell))
    with server(PAGE, here) as urls:
        done = run(moved(text, urls), here)
    assert done.returncode == 0, done.stdout
    found = re.split(re.escape(END).replace(r"\{\}", r"\d+") + "\n", done.stdout)
    assert len(found) == len(shell) + 1
    return found[:-1]


def fits(said: Any, shown: Any) -> bool:
    """Whether the answer is the one on the page, but for what is different each time."""
    if shown == ANY:
        return isinstance(said, str) and said != ""
    if isinstance(said, dict) and isinstance(shown, dict):
        return said.keys() == shown.keys() and all(fits(said[name], shown[name]) for name in shown)
    if isinstance(said, list) and isinstance(shown, list):
        return len(said) == len(shown) and all(map(fits, said, shown))
    return type(said) is type(shown) and bool(said == shown)


def test_every_answer_is_the_one_shown(outputs: list[str]) -> None:
    """Who types the page sees what it shows: after a block, the last answer, or all that was printed."""
    number, compared = -1, 0
    for fence, block in blocks(PAGE):
        number += fence == "sh"
        if fence == "json":
            said, shown = json.loads(outputs[number].splitlines()[-1]), json.loads(block)
            assert fits(said, shown), json.dumps(said, indent=2)
        elif fence == "text":
            assert outputs[number] == block
        else:
            continue
        compared += 1

    assert compared >= 20


def test_nothing_else_goes_wrong(outputs: list[str]) -> None:
    """No command is refused but those whose refusal the page shows; the revoked certificate is one of these."""
    refused = [
        (number, line) for number, output in enumerate(outputs) for line in output.splitlines() if '"errors"' in line
    ]
    shell = [block for fence, block in blocks(PAGE) if fence == "sh"]

    assert [shell[number].split()[0] for number, _ in refused] == ["echo", "ask", "TENANT=''"]
    assert '"error":"certificate_revoked"' in refused[0][1]


def test_no_secret_is_printed(outputs: list[str]) -> None:
    """Neither a key nor a token goes over the screen."""
    printed = "".join(outputs)

    assert "connector-key-" not in printed
    assert clients.SECRET_PREFIX not in printed
    assert clients.ACCESS_PREFIX not in printed
    assert re.search(r"[A-Za-z0-9_-]{86}==", printed) is None
    assert "--header 'Authorization" not in PAGE.read_text()


def test_no_block_is_left_out() -> None:
    """Every block is run, compared or read; an answer stands right after the block that it belongs to."""
    kinds = [fence for fence, _ in blocks(PAGE)]

    assert set(kinds) == {"sh server", "sh", "json", "text", "toml"}
    assert all(kinds[place - 1] == "sh" for place, kind in enumerate(kinds) if kind in {"json", "text"})


def test_the_table_of_roles() -> None:
    """The table says of each scope which roles hold it."""
    table = rows("| scope | viewer | operator | administrator |")
    said = {scope: [role for role, cell in zip(Role, cells, strict=True) if cell == "yes"] for scope, *cells in table}

    assert said == {scope.value: [role for role in Role if scope in SCOPES[role]] for scope in Scope}


def test_the_table_of_clients() -> None:
    """The table says what the client of each kind may do."""
    said = [set(re.findall(r"[a-z_.]+:[a-z]+", scopes)) for _, scopes in rows("| client of | scopes |")]

    kinds = (EntityKind.INTEGRATION_SYSTEM, EntityKind.APPLICATION, EntityKind.RUNTIME)
    assert said == [{scope.value for scope in clients.SCOPES[kind]} for kind in kinds]


def test_the_table_of_refusals() -> None:
    """The numbers on the page are those that go over the wire."""
    numbers = {kind.code: problem.error_code for kind, problem in PROBLEMS.items()}
    table = rows("| error_code | error | when |")

    assert [int(number) for number, _, _ in table] == [numbers[error] for _, error, _ in table]
    assert {20, 22, 23, 24, 25, 26, 31} <= {int(number) for number, _, _ in table}


def test_the_settings_on_the_page(tmp_path: Path) -> None:
    """The settings that the page gives as examples are good ones, and fit together."""
    examples = [block for fence, block in blocks(PAGE) if fence == "toml"]
    (tmp_path / "connector.toml").write_text("".join(examples))
    settings = load(data_dir=tmp_path, config=None, overrides={}, environ={})
    oidc, rules = settings.oidc, settings.admin_certificates.values().rules

    assert [(rule.name, rule.role, rule.tenants) for rule in rules] == [
        ("registrar", Role.OPERATOR, None),
        ("pipeline", Role.VIEWER, frozenset({"acme"})),
    ]
    assert (oidc.roles_claim, oidc.operator) == ("realm_access.roles", ("operator", "connector-operator"))
    assert (oidc.tenants_claim, oidc.all_tenants) == ("tenants", "*")
