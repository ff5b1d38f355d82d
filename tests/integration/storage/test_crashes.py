import subprocess
import sys
import time
from asyncio import Runner
from pathlib import Path

import pysqlite3.dbapi2 as driver
import pytest
from tests.support.records import audited, identifier, tenant

from connector.ports.certificates import CertificateFilter
from connector.storage import SqliteStore, open_sqlite

REPOSITORY = Path(__file__).parents[3]
RECORD = (sys.executable, "-m", "tests.support.storing", "record")


@pytest.mark.parametrize("milliseconds", [20, 50, 90, 140, 200])
def test_what_was_acknowledged_survives_a_kill(path: Path, runner: Runner, milliseconds: int) -> None:
    """Killed under load, the process leaves all that it acknowledged, events and all, and no damage (R3)."""
    with subprocess.Popen([*RECORD, str(path), "1000000"], cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.kill()
        lines = [first, *process.stdout]
    # A line that the kill cut off has no end.
    acknowledged = {int(line) for line in lines if line.endswith(b"\n")}

    store = open_sqlite(path)
    recorded = {
        int(one.serial, 16)
        for one in runner.run(store.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id))))
    }
    events = {one.token_id for one in runner.run(store.read(audited))}
    runner.run(store.close())

    assert acknowledged
    assert acknowledged <= recorded
    assert events == {identifier(number) for number in recorded}
    assert driver.connect(str(path)).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_every_commit_reaches_the_disk(path: Path, tmp_path: Path, store: SqliteStore) -> None:
    """One after the other, each commit forces the disk at least once before the next begins (R8)."""
    del store  # it is open, so that the process below neither makes the file nor checkpoints it at its end
    trace = tmp_path / "trace"
    program = (
        "import asyncio, sys, pathlib\n"
        "from connector.storage import open_sqlite\n"
        "async def main():\n"
        "    store = open_sqlite(pathlib.Path(sys.argv[1]))\n"
        "    for _ in range(20):\n"
        "        await store.probe()\n"
        "        print('acknowledged', flush=True)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run(
        [
            "strace",
            "-f",
            "-e",
            "trace=fdatasync,fsync,write",
            "-o",
            str(trace),
            sys.executable,
            "-c",
            program,
            str(path),
        ],
        check=True,
        capture_output=True,
    )

    since, commits = 0, []
    for line in trace.read_text().splitlines():
        if "sync(" in line:
            since += 1
        elif '"acknowledged' in line:
            commits.append(since)
            since = 0
    assert len(commits) == 20
    assert min(commits) >= 1
