"""The metrics, as Prometheus and OpenMetrics read them: what all workers have counted, and how the CA is now."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from cryptography import x509
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from connector import __version__
from connector.system.meters import BOUNDS, Board, Family, Kind
from connector.usecases.crls import CRL, PublishedCRLs
from connector.usecases.issuers import Issuers

_CA_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read when somebody asks: a name, its help, the labels, and where the numbers come from."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[["Metrics"], Iterable[tuple[tuple[str, ...], float]]]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Answers a scrape."""

    board: Board
    issuers: Issuers
    crls: PublishedCRLs | None = None

    async def scraped(self, request: Request) -> Response:
        """All metrics, in the format that the caller asks for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Numbers(self))
        return Response(await run_in_threadpool(partial(encode, registry)), headers={"content-type": content_type})


class _Numbers(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Each family with its samples."""
        board = self._metrics.board
        for family in board.families:
            yield _KINDS[family.kind](board, family)
        for reading in READINGS:
            gauge = GaugeMetricFamily(reading.name, reading.help, labels=reading.labels)
            for values, number in reading.read(self._metrics):
                gauge.add_metric(values, number)
            yield gauge


def _counter(board: Board, family: Family) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for values, number in board.totals(family).items():
        metric.add_metric(values, number)
    return metric


def _gauge(board: Board, family: Family) -> Metric:
    metric = GaugeMetricFamily(family.name, family.help, labels=("worker",))
    for worker, number in enumerate(board.of_workers(family), start=1):
        metric.add_metric((str(worker),), number)
    return metric


def _histogram(board: Board, family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = (*map(str, BOUNDS), "+Inf")
    for values, durations in board.durations(family).items():
        metric.add_metric(values, list(zip(bounds, durations.counts, strict=True)), durations.sum)
    return metric


_KINDS: Mapping[Kind, Callable[[Board, Family], Metric]] = {
    Kind.COUNTER: _counter,
    Kind.GAUGE: _gauge,
    Kind.HISTOGRAM: _histogram,
}


def _version(_: Metrics) -> Iterator[tuple[tuple[str, ...], float]]:
    yield (__version__,), 1


def _cas(metrics: Metrics) -> Iterator[tuple[tuple[str, ...], float]]:
    recorded = metrics.issuers.records
    for root in recorded.roots:
        yield (_short(root.fingerprint), "root"), _end(root.der)
    for issuer in recorded.issuers:
        yield (_short(issuer.fingerprint), issuer.state.value), _end(issuer.der)


def _next_crls(metrics: Metrics) -> Iterator[tuple[tuple[str, ...], float]]:
    for scope, crl in _crls(metrics).items():
        yield (_short(scope),), crl.record.next_update.timestamp()


def _listed(metrics: Metrics) -> Iterator[tuple[tuple[str, ...], float]]:
    for scope, crl in _crls(metrics).items():
        yield (_short(scope),), crl.record.entries


def _crls(metrics: Metrics) -> Mapping[bytes, CRL]:
    return {} if metrics.crls is None else metrics.crls.served


def _short(fingerprint: bytes) -> str:
    return fingerprint.hex()[:_CA_DIGITS]


def _end(der: bytes) -> float:
    return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()


READINGS: Sequence[Reading] = (
    Reading("connector_info", "1; the label is the version.", ("version",), _version),
    Reading(
        "connector_ca_not_after_timestamp_seconds",
        "When each CA of this installation ends, by the beginning of its certificate's SHA-256 and its state.",
        ("ca", "state"),
        _cas,
    ),
    Reading(
        "connector_crl_next_update_timestamp_seconds",
        "Until when the newest CRL of each CA is valid, by the CA's id as in the URL of the CRL.",
        ("ca",),
        _next_crls,
    ),
    Reading("connector_crl_entries", "How many certificates the newest CRL of each CA lists.", ("ca",), _listed),
)
