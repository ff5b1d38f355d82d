"""Measure, print, compare with the targets: `make bench`, or `python -m bench --only signing,openbao`."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.processes import cores, pinned
from bench.report import Progress, Report, file_system
from bench.rounds import Plan
from bench.server import NotStartedError
from bench.suite import PHASES, Sizes, Suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Run: 1 if a target was missed, 2 if something did not start, 130 if it was told to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    given = _parser().parse_args(arguments)
    plan = Plan(given.operations, given.rounds, given.connections, given.half_load_seconds)
    sizes = Sizes(plan, given.certificates, given.enrollments, given.applications, given.revoked)
    shared, started = cores(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as name, Progress() as say:
        suite = Suite(frozenset(given.only), sizes, shared, Path(name), say)
        try:
            with pinned(shared.load), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                found = runner.run(suite.run())
        except NotStartedError as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
        report = Report(found, shared, file_system(Path(name)), given.certificates, time.monotonic() - started)
    if given.json:
        print(json.dumps(report.json(), indent=2))
    else:
        report.show()
    if given.markdown:
        report.write()
    return 1 if any(target.met is False for target in report.targets) else 0


def _phases(text: str) -> list[str]:
    chosen = text.split(",")
    for one in chosen:
        if one not in PHASES:
            raise argparse.ArgumentTypeError(f"{one} is none of {', '.join(PHASES)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    phases = "; ".join(f"{name}: {text}" for name, text in PHASES.items())
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", type=_phases, default=list(PHASES), metavar="PHASE,…", help=phases)
    parser.add_argument("--operations", type=int, default=1000, help="operations in a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts")
    parser.add_argument("--connections", type=int, default=64, help="clients at once")
    parser.add_argument("--half-load-seconds", type=float, default=6, help="the most seconds at half load")
    parser.add_argument("--certificates", type=int, default=1_000_000, help="in a full inventory")
    parser.add_argument("--enrollments", type=int, default=100_000, help="over which memory is watched")
    parser.add_argument("--applications", type=int, default=100_000, help="for the Director at size")
    parser.add_argument("--revoked", type=int, default=1_000_000, help="entries of a long CRL")
    parser.add_argument("--json", action="store_true", help="print JSON, with every round")
    parser.add_argument("--markdown", action="store_true", help="write the tables into docs/performance.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
