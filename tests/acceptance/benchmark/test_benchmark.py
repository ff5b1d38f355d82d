"""The benchmark is part of what we claim, so that it has to run."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import report, targets
from bench.connection import BadAnswerError, Connection
from bench.load import closed, paced
from bench.processes import cores
from bench.rounds import Round, Row
from bench.suite import OPENBAO, SQLITE, Found, full

ROOT = Path(__file__).parents[3]
TINY = [
    "--operations=20",
    "--rounds=2",
    "--connections=4",
    "--half-load-seconds=0.5",
    "--certificates=400",
    "--revoked=300",
]


def row(on: str, *, per_second: float, cpu_ms: float) -> Row:
    rounds = [Round(per_second=per_second, cpu_ms=cpu_ms)] * 3
    return Row("signing", on, per_second, cpu_ms, None, 1.0, 0.1, 0.0, 1.0, 3.0, 0.5, 100.0, rounds)


class Wire(asyncio.Transport):
    """A transport that nothing is sent over."""

    def write(self, data: object) -> None:
        pass


def answered(*pieces: bytes) -> bytes:
    """What a connection makes of an answer that comes in pieces."""

    async def run() -> bytes:
        connection = Connection()
        connection.connection_made(Wire())
        answer = asyncio.ensure_future(connection.send(b"POST"))
        await asyncio.sleep(0)
        for piece in pieces:
            connection.data_received(piece)
        return await answer

    return asyncio.run(run())


def run(phases: str, *more: str) -> dict[str, Any]:
    """What a tiny run of these phases found."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--json", f"--only={phases}", *TINY, *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_runs_from_end_to_end() -> None:
    """With tiny numbers, the phases say something that need no other program."""
    found = run("signing,onboarding,clients,legacy,verdicts,mtls,certificates,memory", "--enrollments=40")

    assert {(row["what"], row["on"]) for row in found["rows"]} == {
        ("signing", "in-process"),
        ("legacy REST", "SQLite"),
        ("GraphQL beside it", "SQLite"),
        *(
            (what, on)
            for what in (
                "signing",
                "onboarding",
                "access token",
                "verdict",
                "renewal, mTLS",
                "configuration, mTLS",
            )
            for on in ("SQLite", "SQLite, full")
        ),
    }
    assert found["memory"][-1][0] == 40
    assert any(target["what"] == "signing over HTTPS ÷ in-process" for target in found["targets"])
    assert any(target["what"] == "signing by legacy REST ÷ GraphQL" for target in found["targets"])


def test_what_verifiers_ask_for_is_measured() -> None:
    """OCSP answers have a row, and a long CRL has bounds for processor time, memory and the event loop."""
    found = run("ocsp,crls")

    assert [(row["what"], row["on"]) for row in found["rows"]] == [("OCSP", "SQLite")]
    assert found["crl"]["entries"] == 300
    assert len([target for target in found["targets"] if target["what"].startswith("CRL of 300 entries")]) == 3


def test_large_documents_are_measured() -> None:
    """The largest document of Compass's clients has a bound in processor time."""
    found = run("documents")

    assert {(row["what"], row["on"]) for row in found["rows"]} == {
        ("largest document", "1 application"),
        ("applicationsForRuntime", "100 applications"),
    }
    assert any(target["what"] == "largest document, CPU ms" for target in found["targets"])


def test_an_answer_may_come_in_pieces() -> None:
    """With a length and in chunks, however it is cut."""
    whole = b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"data": {}}'
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat\r\n7\r\na": {}}\r\n0\r\n\r\n'

    for answer in (whole, chunked):
        for place in range(1, len(answer)):
            assert answered(answer[:place], answer[place:]) == b'{"data": {}}'


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"errors": []}',
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
def test_a_refusal_is_no_operation(answer: bytes) -> None:
    """What was refused is not counted: the run stops."""
    with pytest.raises(BadAnswerError):
        answered(answer)


def test_at_a_pace_latency_counts_from_when_it_was_due() -> None:
    """One client, twice as slow as the pace: each operation is later than the one before, and that is told."""

    async def do(_: int, __: int) -> None:
        await asyncio.sleep(0.02)

    timing = asyncio.run(paced(range(20), [0], do, 100.0))

    assert timing.operations == 20
    assert timing.p99 > 150
    assert asyncio.run(closed(range(20), [0], do)).p99 < 150


def test_a_fault_ends_a_paced_phase() -> None:
    """What goes wrong in one operation is raised, and nothing waits for the rest."""

    async def do(_: int, item: int) -> None:
        if item == 3:
            raise BadAnswerError("no")

    with pytest.raises(BadAnswerError):
        asyncio.run(paced(range(10_000), [0, 1], do, 1000.0))


def test_of_two_ratios_the_smaller_counts() -> None:
    """A full inventory is no faster for waiting well, nor for taking less time and answering less."""
    found = Found([row(SQLITE, per_second=500, cpu_ms=1.0), row(full(SQLITE), per_second=1500, cpu_ms=1.25)])
    target = next(each for each in targets.targets(found, cores()) if "full" in each.what)

    assert target.value == pytest.approx(0.8)
    assert target.met is False


def test_beside_openbao_waiting_counts() -> None:
    """Beside OpenBao it is what both answer that counts, and the other ratio is told."""
    found = Found([row(OPENBAO, per_second=500, cpu_ms=1.0), row(SQLITE, per_second=1500, cpu_ms=0.8)])
    target = next(each for each in targets.targets(found, cores()) if "OpenBao" in each.what)

    assert target.value == pytest.approx(3)
    assert "by processor time 1.25" in target.note


def test_the_page_is_written_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that stands before and after stays; writing twice is writing once."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    made = report.Report(Found([row(SQLITE, per_second=1500, cpu_ms=0.8)]), cores(), "ext4", 0, 60.0)

    made.write()
    once = page.read_text()
    made.write()

    assert once == page.read_text()
    assert once.startswith(f"before\n{report.BEGIN}\n")
    assert once.endswith(f"{report.END}\nafter\n")
    assert "| signing | SQLite | 1500 |" in once
    assert "old" not in once


def test_the_project_s_page_has_the_marks() -> None:
    """`python -m bench --markdown` finds where to write."""
    text = report.PAGE.read_text()

    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert text.index(report.BEGIN) < text.index(report.END)


def test_the_cores_are_ours() -> None:
    """Nothing is pinned to a core that this process may not use."""
    shared = cores()

    assert {shared.server, shared.load, shared.database, shared.second} <= os.sched_getaffinity(0)
