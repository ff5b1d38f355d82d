"""What we hold ourselves to: ratios of figures of one run, which carry over from machine to machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.console import EMPTY, LIST, MANY_FIT, NEWEST, NONE_FITS, ONE_FITS
from bench.crls import LongCRL
from bench.documents import LARGEST
from bench.lanes import LEGACY, SIGNING
from bench.processes import Cores
from bench.rounds import Round, Row
from bench.scale import FIRST_PAGE, LAST_PAGE, REGISTERING
from bench.suite import BESIDE_LEGACY, OPENBAO, POSTGRES, SQLITE, TWO, Found, full

TOO_BUSY = 0.9
OTHERS = 0.15
NOT_HALF = 0.95


@dataclass(frozen=True, slots=True)
class Target:
    """One of them. ``least`` or ``most`` is the bound; without one it is only told. ``note`` says what else to know."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is met, if there is a bound."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


def targets(found: Found, cores: Cores) -> Iterator[Target]:
    """Those for which the run has figures."""
    rows = {(row.what, row.on): row for row in found.rows}
    signing = rows.get((SIGNING, SQLITE))
    if signing is not None:
        yield from _compared(rows, signing)
    legacy, beside = rows.get((LEGACY, SQLITE)), rows.get((BESIDE_LEGACY, SQLITE))
    if legacy is not None and beside is not None:
        yield _ratio("signing by legacy REST ÷ GraphQL", legacy, beside, least=0.9)
    yield from _workers(rows, cores)
    for (what, on), row in rows.items():
        if what == SIGNING and on in (SQLITE, POSTGRES) and row.p50_ms and row.p99_ms:
            yield Target(f"signing on {on} at half load: p99 ÷ p50", row.p99_ms / row.p50_ms, most=5)
    yield from _memory(found)
    if found.memory is not None:
        yield Target("memory: last quarter ÷ second quarter", found.memory.growth, most=1.03, note="flat")
    if found.starts:
        yield Target("start to ready with a full inventory, seconds", median(found.starts), most=2)
    if found.crl is not None:
        yield from _crl(found.crl)
    yield from (Target(f"{LARGEST}, CPU ms", row.cpu_ms, most=10) for row in found.rows if row.what == LARGEST)
    yield from _at_size(rows)
    yield from _console(rows)


def _console(rows: Mapping[tuple[str, str], Row]) -> Iterator[Target]:
    """Time to the first octet of a page of the console, by one caller: with so many applications, and with none."""
    empty = rows.get((LIST, EMPTY))
    for (what, on), row in rows.items():
        if empty is not None and what in (LIST, NEWEST, NONE_FITS, ONE_FITS, MANY_FIT) and on != EMPTY:
            ratio = empty.per_second / row.per_second
            yield Target(f"{what}, {on} ÷ empty list", ratio, most=3, note=f"{1000 / row.per_second:.1f} ms")


def _crl(made: LongCRL) -> Iterator[Target]:
    what = f"CRL of {made.entries} entries"
    yield Target(f"{what}, CPU seconds", made.processor_seconds, most=1.5, note=f"{made.seconds:.2f} s")
    yield Target(f"{what}, MiB of the process", made.peak_mib, most=350, note=f"{made.before_mib:.0f} before")
    longest = f"the longest: {made.longest_hold_ms:.0f}"
    yield Target(f"{what}, event loop held meanwhile, p99 ms", made.hold_p99_ms, most=50, note=longest)


def warnings(found: Found) -> Iterator[str]:
    """What may have falsified a figure: a load generator that was the limit, other programs, a machine that drifted."""
    for row in found.rows:
        name, load = f"{row.what}, {row.on}", row.load_busy or 0.0
        beside = load + (row.database_cpu_ms or 0.0) * row.per_second / 1000
        if load > TOO_BUSY:
            yield f"{name}: the load generator was {load:.0%} busy and may have been the limit."
        elif beside > TOO_BUSY:
            yield f"{name}: the load generator and PostgreSQL together took {beside:.0%} of a core."
        if row.others_busy > OTHERS:
            yield f"{name}: other programs took {row.others_busy:.0%} of the server's core."
        if (half := row.half_load_busy) is not None and half > NOT_HALF:
            yield f"{name}: at half load the server was {half:.0%} busy, so that requests waited for others."


def _compared(rows: dict[tuple[str, str], Row], signing: Row) -> Iterator[Target]:
    bao, ceiling = rows.get((SIGNING, OPENBAO)), rows.get((SIGNING, "in-process"))
    if bao is not None:
        yield _ratio("signing over HTTPS ÷ OpenBao", signing, bao, least=1.5, aim=3, waits=True)
    if ceiling is not None:
        yield _ratio("signing over HTTPS ÷ in-process", signing, ceiling, least=0.45, aim=0.7)
    for on in (SQLITE, POSTGRES):
        empty, filled = rows.get((SIGNING, on)), rows.get((SIGNING, full(on)))
        if empty is not None and filled is not None:
            yield _ratio(f"signing on {on}: full inventory ÷ empty", filled, empty, least=0.9)


def _memory(found: Found) -> Iterator[Target]:
    """The most that any of our processes had, in any phase."""
    sizes = {f"{row.what}, {row.on}": row.memory_mib for row in found.rows if row.on != OPENBAO and row.memory_mib}
    if found.memory is not None:
        sizes[f"{found.memory.enrollments} enrollments"] = found.memory.most
    if sizes:
        most = max(sizes, key=sizes.__getitem__)
        yield Target("memory of one process, MiB", sizes[most], most=200, note=f"the most, after: {most}")


def _workers(rows: dict[tuple[str, str], Row], cores: Cores) -> Iterator[Target]:
    one, two = rows.get((SIGNING, POSTGRES)), rows.get((SIGNING, TWO))
    if one is None or two is None:
        return
    by_cpu = 2 * _middle(two.rounds, one.rounds, lambda two, one: one.cpu_ms / two.cpu_ms)
    measured = _middle(two.rounds, one.rounds, lambda two, one: two.per_second / one.per_second)
    share = median(each.largest_share for each in two.rounds)
    if cores.apart:
        note = f"by processor time {by_cpu:.2f}; the busier worker had {share:.0%} of the work"
        yield Target("two workers ÷ one, PostgreSQL", measured, least=1.6, note=note)
    else:
        note = (
            f"by processor time, because there are too few cores for all: measured {measured:.2f}; "
            f"the busier worker had {share:.0%} of the work"
        )
        yield Target("two workers ÷ one, PostgreSQL", by_cpu, least=1.6, note=note)


def _at_size(rows: dict[tuple[str, str], Row]) -> Iterator[Target]:
    registering = [row for (what, _), row in rows.items() if what == REGISTERING]
    if len(registering) == 2:  # noqa: PLR2004 - empty, and not
        yield _ratio(f"{REGISTERING}: {registering[1].on} ÷ empty", registering[1], registering[0])
    first, last = ([row for (what, _), row in rows.items() if what == page] for page in (FIRST_PAGE, LAST_PAGE))
    if first and last:
        yield _ratio("last page ÷ first page", last[0], first[0])


def _ratio(
    what: str, ours: Row, other: Row, *, least: float | None = None, aim: float | None = None, waits: bool = False
) -> Target:
    """By what was answered in a second, and by processor time; the smaller one counts.

    The first is what clients see. It flatters whoever can wait well where the other has to wait for a core that other
    programs use; the second leaves that out. Where ``waits`` is true, how well they wait for the disk is what is
    compared, and the first counts.
    """
    answered = _middle(ours.rounds, other.rounds, lambda ours, other: ours.per_second / other.per_second)
    by_cpu = _middle(ours.rounds, other.rounds, lambda ours, other: other.cpu_ms / ours.cpu_ms)
    note = f"answered {answered:.2f}, by processor time {by_cpu:.2f}" + (f"; the aim is {aim}" if aim else "")
    return Target(what, answered if waits else min(answered, by_cpu), least=least, note=note)


def _middle(ours: Sequence[Round], others: Sequence[Round], ratio: Callable[[Round, Round], float]) -> float:
    """The median over rounds that were taken one after the other."""
    return median(ratio(one, other) for one, other in zip(ours, others, strict=True))
