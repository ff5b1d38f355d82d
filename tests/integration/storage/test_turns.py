"""Several processes write to one file, and each comes to its turn."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from tests.support.records import digest, token

from connector.storage import SqliteStore, open_sqlite
from connector.storage.turns import PATIENCE_SECONDS, Turn

SECONDS = 3.0
WRITERS = 3


async def _write(path: Path, first: int) -> tuple[int, float]:
    """Write without a pause: how often, and the longest that one took."""
    store = SqliteStore(path)
    number, longest, end = first, 0.0, time.monotonic() + SECONDS
    while (started := time.monotonic()) < end:
        number += 1
        await store.transaction(lambda tx, number=number: tx.tokens.add(token(number)))
        longest = max(longest, time.monotonic() - started)
    await store.close()
    return number - first, longest


def main(path: str, first: str) -> None:
    """Write, and print what came of it."""
    print(*asyncio.run(_write(Path(path), int(first))))  # noqa: T201 - it is read by the test


def test_busy_writers_take_turns(tmp_path: Path) -> None:
    """Of processes that write without a pause each has its share, none waits long, and all is recorded."""
    path = tmp_path / "connector.db"
    store = open_sqlite(path)
    command = [
        sys.executable,
        "-c",
        "import sys; from tests.integration.storage.test_turns import main; main(*sys.argv[1:])",
        str(path),
    ]
    started = [
        subprocess.Popen([*command, str(first * 1_000_000)], stdout=subprocess.PIPE, text=True)
        for first in range(1, WRITERS + 1)
    ]
    told = [process.communicate(timeout=60)[0].split() for process in started]
    counts, waits = [int(count) for count, _ in told], [float(wait) for _, wait in told]

    assert min(counts) > max(counts) / 2
    assert max(waits) < 10
    for first, count in enumerate(counts, 1):
        last = digest(first * 1_000_000 + count)
        assert asyncio.run(store.read(lambda tx, last=last: tx.tokens.find(last))) is not None
    asyncio.run(store.close())


def test_a_turn_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """Who does not get the turn, because a process that has it is frozen, goes on without after a moment."""
    first, second = Turn(tmp_path / "turn"), Turn(tmp_path / "turn")
    with first:
        started = time.monotonic()
        with second:
            waited = time.monotonic() - started
    with second:
        pass
    assert PATIENCE_SECONDS <= waited < 60 * PATIENCE_SECONDS
    first.close()
    second.close()


def test_without_a_file_there_are_no_turns(tmp_path: Path) -> None:
    """Where the file cannot be made nobody waits, and nothing fails."""
    with Turn(tmp_path / "nowhere" / "turn"):
        pass


def test_the_file_is_its_owner_s(tmp_path: Path) -> None:
    """Nobody else may open the file, and so keep others from their turn."""
    turn = Turn(tmp_path / "turn")
    with turn:
        assert (tmp_path / "turn").stat().st_mode & 0o777 == 0o600
    turn.close()
