"""A disk that is full or read-only: a real one, small, mounted for the test."""

import subprocess
from asyncio import Runner
from collections.abc import Iterator
from pathlib import Path

import pysqlite3.dbapi2 as driver
import pytest
from tests.support.records import certificate, digest, tenant

from connector.domain.refusals.storage import StorageFull, StorageReadOnly
from connector.ports.certificates import CertificateFilter
from connector.storage import SqliteStore, attach_sqlite, open_sqlite


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mounted)], check=False)
    assert done.returncode == 0, "this test mounts a small disk: run it as root, or by unshare --map-root-user --mount"
    yield mounted
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the space that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def record_until_full(store: SqliteStore, runner: Runner, first: int) -> int:
    """Record certificates from this number on until the disk is full; the number that was refused."""
    for number in range(first, first + 10_000):
        try:
            runner.run(store.transaction(lambda tx, number=number: tx.inventory.add(certificate(number))))
        except StorageFull:
            return number
    raise AssertionError("the disk never was full")


def test_a_full_disk(disk: Path, runner: Runner) -> None:
    """On a full disk a transaction is refused as such; nothing is lost, and with space it goes on (R6)."""
    store = open_sqlite(disk / "connector.db")
    # A reader that is open keeps the log from being folded into the database, which would make room.
    assert runner.run(store.read(lambda tx: tx.inventory.find(digest(1)))) is None
    filler = fill(disk)

    refused = record_until_full(store, runner, 1)
    assert [record_until_full(store, runner, refused) for _ in range(3)] == [refused] * 3
    assert runner.run(store.read(lambda tx: tx.inventory.find(digest(refused)))) is None

    filler.unlink()
    runner.run(store.transaction(lambda tx: tx.inventory.add(certificate(refused))))
    recorded = {
        one.serial for one in runner.run(store.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id))))
    }
    assert recorded == {f"{number:x}" for number in range(1, refused + 1)}
    runner.run(store.close())
    assert driver.connect(str(disk / "connector.db")).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_attached_to_a_full_disk(disk: Path, runner: Runner) -> None:
    """Beside a server whose disk is full, another program still attaches and reads (R6)."""
    server = open_sqlite(disk / "connector.db")
    runner.run(server.transaction(lambda tx: tx.inventory.add(certificate(1))))
    fill(disk)

    store = attach_sqlite(disk / "connector.db")
    assert runner.run(store.read(lambda tx: tx.inventory.find(digest(1)))) == certificate(1)
    with pytest.raises(StorageFull):
        runner.run(store.probe())
    runner.run(store.close())
    runner.run(server.close())


def test_a_probe_sees_a_full_disk(disk: Path, runner: Runner) -> None:
    """A probe of a database on a full disk fails as such, and is good again with space (R6)."""
    store = open_sqlite(disk / "connector.db")
    filler = fill(disk)

    with pytest.raises(StorageFull):
        runner.run(store.probe())

    filler.unlink()
    runner.run(store.probe())
    runner.run(store.close())


def test_no_database_is_made_on_a_full_disk(disk: Path, runner: Runner) -> None:
    """A first start on a full disk is refused as such, and works when there is space."""
    filler = fill(disk)
    with pytest.raises(StorageFull):
        open_sqlite(disk / "connector.db")

    filler.unlink()
    store = open_sqlite(disk / "connector.db")
    runner.run(store.probe())
    runner.run(store.close())


def test_a_read_only_disk(disk: Path, runner: Runner) -> None:
    """A disk that became read-only is refused as such for writing, still read, and written again when it can be."""
    path = disk / "connector.db"
    store = open_sqlite(path)
    runner.run(store.transaction(lambda tx: tx.inventory.add(certificate(1))))
    assert runner.run(store.read(lambda tx: tx.inventory.find(digest(1)))) == certificate(1)
    # A connection that is open keeps the disk writable for itself. A full disk makes the store drop it.
    filler = fill(disk)
    record_until_full(store, runner, 2)
    filler.unlink()

    subprocess.run(["mount", "--bind", str(disk), str(disk)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)
        for _ in range(2):
            with pytest.raises(StorageReadOnly):
                runner.run(store.probe())
        with pytest.raises(StorageReadOnly):
            open_sqlite(path)
        with pytest.raises(StorageReadOnly):
            open_sqlite(disk / "another.db")
        assert runner.run(store.read(lambda tx: tx.inventory.find(digest(1)))) == certificate(1)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)

    runner.run(store.probe())
    runner.run(store.close())
