"""What judges the torture, judged: each check sees what it is there for."""

from asyncio import Runner
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import records
from torture import checks
from torture.clients import Received
from torture.ledger import Ledger
from torture.report import BEGIN, END, Result, markdown, merged, paste
from torture.sites import Sqlite

from connector.domain.audit import Action
from connector.ports.transaction import Transaction
from connector.storage.sqlite import open_sqlite


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Sqlite]:
    """A database in which one token was spent for one certificate."""
    path = tmp_path / "connector.db"
    store = open_sqlite(path)

    def live(tx: Transaction) -> None:
        token, certificate = records.token(), records.certificate()
        tx.tokens.add(token)
        tx.tokens.redeem(token, now=records.NOW)
        tx.inventory.add(certificate)
        event = records.event()
        tx.audit.append(
            replace(event, action=Action.TOKEN_SPENT, token_id=token.id, serial=None),
            replace(event, action=Action.CERTIFICATE_ISSUED, token_id=token.id, serial=certificate.serial),
        )

    with Runner() as runner:
        runner.run(store.transaction(live))
        runner.run(store.close())
    return Sqlite(path)


def test_a_good_database_is_sound(database: Sqlite) -> None:
    """Where every token, certificate and event has its counterpart, nothing is found."""
    assert checks.sound(database, Ledger()) == {"received": 0, "stored": 1, "audited": 1, "tokens spent": 1}


def _again(column: str, action: str) -> str:
    """The statement that writes an event down once more."""
    columns = f"at, action, actor, {column}"
    return f"INSERT INTO audit_events ({columns}) SELECT {columns} FROM audit_events WHERE action = '{action}'"  # noqa: S608 - our own


def test_a_certificate_that_is_not_stored(database: Sqlite) -> None:
    """A certificate that a client received and the inventory does not know is seen."""
    ledger = Ledger()
    ledger.received[bytes(32)] = Received.__new__(Received)

    with pytest.raises(AssertionError, match="1 of 1 certificates that were received are not stored"):
        checks.stored(database, ledger)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("DELETE FROM certificates", checks.audited),
        ("UPDATE certificates SET serial = 'ff'", checks.audited),
        (_again("serial", "certificate.issued"), checks.audited),
        ("UPDATE tokens SET spent_at = NULL", checks.tokens_spent_once),
        (_again("token_id", "token.spent"), checks.tokens_spent_once),
        (_again("token_id", "certificate.issued"), checks.tokens_spent_once),
        ("UPDATE tokens SET minted_by = 'token:' || id", checks.tokens_spent_once),
    ],
)
def test_what_does_not_fit_together_is_seen(database: Sqlite, change: str, check: object) -> None:
    """A certificate without its event, an event twice, a token that is spent for nothing or for two things: seen."""
    assert callable(check)
    check(database)
    database.change(change)

    with pytest.raises(AssertionError):
        check(database)


def test_the_report_is_pasted_between_its_marks(tmp_path: Path) -> None:
    """The table takes the place of the former one, in the order of the plan, failures and all."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nformer\n{END}\nafter\n")
    good = Result("R3", "killed", "SQLite", 60.0, {"kills": 5000})
    bad = Result("R1", "raced", "SQLite", 60.0, failure="AssertionError: two winners")

    paste(page, merged([good], [bad], [("R1", "raced", "SQLite"), ("R3", "killed", "SQLite")]))

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "former" not in text
    rows = [line for line in markdown([bad, good]).splitlines() if line.startswith("| R")]
    assert rows == [
        "| R1 | raced | SQLite | FAILED: AssertionError: two winners |",
        "| R3 | killed | SQLite | kills 5 000 |",
    ]
    assert all(row in text for row in rows)
