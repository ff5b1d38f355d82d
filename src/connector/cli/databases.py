"""The commands that care for the database: upgrade, check, back up, copy to PostgreSQL."""

from pathlib import Path
from typing import Annotated

import typer

from connector.bootstrap import databases
from connector.cli.command import AsJSON, Place
from connector.cli.grouping import grouped
from connector.cli.output import Output
from connector.domain.refusals.storage import StorageUnavailable

db = typer.Typer(help="The database: upgrade, check, back up, copy to PostgreSQL.", no_args_is_help=True)


@db.command("upgrade")
@grouped
def upgrade(place: Place, as_json: AsJSON = False) -> None:
    """Bring the tables to this version, before servers of this version start. Older ones go on meanwhile."""
    database = databases.database(data_dir=place.data_dir, config=place.config)
    database.upgrade()
    Output(as_json=as_json).show(
        [{"what": fact.what, "found": fact.found} for fact in database.check()[:1]], nothing=""
    )


@db.command("check")
@grouped
def check(place: Place, as_json: AsJSON = False) -> None:
    """Ask the database how it is. Exits with 6 where something is not well, and says what to do."""
    found = databases.existing(data_dir=place.data_dir, config=place.config).check()
    rows = [{"what": fact.what, "found": fact.found, "advice": fact.advice} for fact in found]
    Output(as_json=as_json).show(rows, nothing="")
    if any(fact.advice for fact in found):
        raise StorageUnavailable("The database is not well: see the advice.")


@db.command("backup")
@grouped
def backup(
    file: Annotated[Path, typer.Argument(help="A new file for the copy.")],
    place: Place,
) -> None:
    """Copy the SQLite database as it is at this moment, while the server goes on. For PostgreSQL take pg_dump."""
    databases.existing(data_dir=place.data_dir, config=place.config).back_up(file)
    print(f"{file} holds the database. Keep it with a copy of the directory ca: neither is worth anything alone.")


@db.command("copy")
@grouped
def copy(place: Place, as_json: AsJSON = False) -> None:
    """Move the SQLite database into the PostgreSQL database that the settings name; the server is stopped before.

    Every row is compared before anything is committed. The file is then renamed to connector.db.moved.
    """
    from connector.cli.progress import progress  # noqa: PLC0415 - only this command shows it

    with databases.stopped(data_dir=place.data_dir, config=place.config) as database, progress() as shown:
        task = shown.add_task("", total=None)
        copied = database.copy_to_postgresql(
            lambda what, done, total: shown.update(task, description=what, completed=done, total=total)
        )
    Output(as_json=as_json).show([{"table": table, "rows": rows} for table, rows in copied.items()], nothing="")
