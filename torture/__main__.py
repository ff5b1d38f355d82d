"""The large run: crashes, races and faults, each with its counts. It takes about 35 minutes on two cores."""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.support.postgres import Postgres, postgres

from torture import report
from torture.plan import Check, Place, plan
from torture.report import Result

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / ".torture" / "results.json"
PAGE = REPOSITORY / "docs" / "reliability.md"


def run(check: Check) -> Result:
    """One check, in a place of its own."""
    started = time.monotonic()
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True))
        )
        servers: list[Postgres] = []

        def server() -> Postgres:
            if not servers:
                servers.append(stack.enter_context(postgres()))
            return servers[0]

        failure, counts = None, {}
        try:
            counts = dict(check.run(Place(directory, server, stack)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are still to be tried
            failure = f"{type(error).__name__}: {str(error)[:300]}"
        return Result(check.name, check.what, check.database, time.monotonic() - started, counts, failure)


def main() -> None:
    """Run what is asked for, and print."""
    arguments = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    arguments.add_argument("only", nargs="*", help="names such as R3; all if none is given")
    arguments.add_argument("--database", choices=["SQLite", "PostgreSQL"])
    arguments.add_argument("--json", action="store_true", help="print the results as JSON")
    arguments.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments.add_argument("--paste", action="store_true", help=f"put the table into {PAGE.relative_to(REPOSITORY)}")
    arguments.add_argument("--kept", action="store_true", help="run nothing: take what was kept of earlier runs")
    given = arguments.parse_args()
    everything = plan()
    order = [check.key for check in everything]
    chosen = [] if given.kept else [check for check in everything if _is_meant(check, given.only, given.database)]
    results = report.kept(RESULTS)
    failed = 0
    for number, check in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {check.name}, {check.database}: {check.what}", file=sys.stderr, flush=True)
        result = run(check)
        failed += result.failure is not None
        print(f"    {result.seconds:.0f} s: {result.told}", file=sys.stderr, flush=True)
        results = report.merged(results, [result], order)
        report.save(RESULTS, results)
    if given.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    elif given.markdown:
        print(report.markdown(results))
    else:
        report.show(results, None if sys.stdout.isatty() else 160)
    if given.paste:
        report.paste(PAGE, results)
    sys.exit(1 if failed else 0)


def _is_meant(check: Check, names: list[str], database: str | None) -> bool:
    named = not names or any(name in check.name.split(", ") for name in names)
    return named and database in {None, check.database}


if __name__ == "__main__":
    main()
