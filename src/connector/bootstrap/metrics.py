"""The metrics: the board of all that is counted, what a process counts of itself, and the page that lists them."""

import asyncio
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from connector.bootstrap import audit_log
from connector.system.meters import Board, Family, Kind, meters
from connector.web import observing
from connector.web.metrics import READINGS

LAG_SECONDS = 0.5
SELF_EVERY = 10
"""The process is measured once in this number of measurements of the loop."""

_STATM = Path("/proc/self/statm")

LAG = Family(
    "connector_loop_lag_seconds",
    Kind.HISTOGRAM,
    "Seconds by which the event loop was late, asked twice a second in each worker.",
)
MEMORY = Family(
    "connector_worker_resident_memory_bytes", Kind.GAUGE, "Resident memory of each worker, asked every five seconds."
)
PROCESSOR = Family(
    "connector_worker_cpu_seconds", Kind.GAUGE, "Processor time that each worker has taken since its own start."
)

FAMILIES = (*observing.FAMILIES, audit_log.EVENTS, LAG, MEMORY, PROCESSOR)


def board(workers: int) -> Board:
    """The board. To be made before there are workers."""
    return Board(FAMILIES, workers)


async def watch() -> None:
    """Count how late the loop is and what the process takes, until cancelled."""
    looks = 0
    while True:
        if looks % SELF_EVERY == 0:
            _count_self()
        looks += 1
        since = perf_counter()
        await asyncio.sleep(LAG_SECONDS)
        meters().observe(LAG, (), max(perf_counter() - since - LAG_SECONDS, 0.0))


def _count_self() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    meters().set(PROCESSOR, used.ru_utime + used.ru_stime)
    # proc(5): the second number is the resident pages. Elsewhere than on Linux only the most there ever was is known.
    if _STATM.exists():
        meters().set(MEMORY, int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    else:
        meters().set(MEMORY, used.ru_maxrss)


def document() -> str:
    """The page that lists every metric (docs/metrics.md), as Markdown."""
    counted = ((_shown(family), family.kind.value, _labels(family), family.help) for family in FAMILIES)
    read = ((each.name, Kind.GAUGE.value, each.labels, each.help) for each in READINGS)
    rows = (
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |"
        for name, kind, labels, text in (*counted, *read)
    )
    return "\n".join((_HEAD, *rows, "", *_values(), ""))


def _shown(family: Family) -> str:
    return f"{family.name}_total" if family.kind is Kind.COUNTER else family.name


def _labels(family: Family) -> tuple[str, ...]:
    return ("worker",) if family.kind is Kind.GAUGE else family.labels


def _values() -> Iterator[str]:
    """What the labels can be, but for the codes, which have a page of their own."""
    yield "## Labels"
    yield ""
    yield "| label | values |"
    yield "|---|---|"
    found: dict[str, dict[str, None]] = {}
    for family in FAMILIES:
        for values in family.values:
            for label, value in zip(family.labels, values, strict=True):
                found.setdefault(label, {})[value] = None
    for label, those in found.items():
        told = "those of [errors](errors.md)" if label == "code" else ", ".join(f"`{each}`" for each in those)
        yield f"| `{label}` | {told} |"


_HEAD = """\
# Metrics

<!-- Made from the code by `make docs`; a test holds it to the code. -->

The internal listener serves `/metrics`, for Prometheus and as OpenMetrics. One answer has the numbers of all workers of
one server, whichever of them answers; a worker that is started anew goes on with the numbers of the one that ended.
Counters begin with 0 when the server starts. No label holds what a caller chose: all its values are known beforehand.

```yaml
scrape_configs:
  - job_name: connector
    static_configs:
      - targets: ["127.0.0.1:8445"]
```

The listener is on loopback. Where Prometheus runs elsewhere, set `listeners.internal` to an address in a network of the
platform's own: it has no TLS, and `/metrics` asks for no credential.

[rules.yaml](../examples/prometheus/rules.yaml) has alerts: a CA or a CRL that ends, no renewals, errors, the database
away, a loop that is late, guesses.

| metric | type | labels | meaning |
|---|---|---|---|"""
