"""What can happen to a PostgreSQL server that somebody else started: frozen, thawed, its sessions ended."""

import os
import signal
from pathlib import Path

import psycopg


def family(pid: int) -> list[int]:
    """A process and those that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def freeze(pid: int) -> None:
    """Stop the server and its sessions where they are: connections stay open, and nobody answers."""
    for one in family(pid):
        os.kill(one, signal.SIGSTOP)


def thaw(pid: int) -> None:
    """Let them go on."""
    for one in family(pid):
        os.kill(one, signal.SIGCONT)


def terminate_sessions(url: str) -> int:
    """End every session of the database but this one, in whatever transaction it is; how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    return int(ended[0])
