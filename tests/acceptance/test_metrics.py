"""The metrics, as Prometheus and OpenMetrics read them: by the readers of their own library."""

import json
import os
import re
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus
from tests.support.server import Server

from connector.client import Refused

RULES = Path(__file__).parents[2] / "examples" / "prometheus" / "rules.yaml"
SECONDS = 20.0
OPENMETRICS = "application/openmetrics-text; version=1.0.0; q=0.9, text/plain; q=0.1"
OF_CAS = ("connector_ca_not_after_timestamp_seconds", "connector_crl_entries")
CHOSEN = "one-that-a-caller-chose"


@pytest.fixture(scope="module", name="served")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two workers, all of whose events are counted here."""
    settings = {"CONNECTOR_SERVING__WORKERS": "2"}
    with Server(tmp_path_factory.mktemp("metrics") / "data", settings=settings) as server:
        yield server


def scrape(server: Server, *, accept: str = "") -> tuple[str, str]:
    """The content type and the text."""
    answer = httpx2.get(f"{server.urls['internal']}/metrics", headers={"accept": accept}, timeout=SECONDS)
    assert answer.status_code == 200
    return answer.headers["content-type"], answer.text


def numbers(families: list[Metric], name: str) -> dict[tuple[str, ...], float]:
    """The samples of that name by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def counted(server: Server, name: str) -> dict[tuple[str, ...], float]:
    """What was counted so far; without zeros."""
    found = numbers(list(read_prometheus(scrape(server)[1])), name)
    return {values: number for values, number in found.items() if number}


def test_a_life_is_counted(served: Server, tmp_path: Path) -> None:
    """An enrollment, a refusal and a revocation are counted by door, code and action, by whichever worker: as many
    events as the audit has. Nothing of what callers chose is in the answer.
    """
    application = served.application(f"{CHOSEN}-name")
    token = served.token(application)
    served.enroll(token, tmp_path / "identity")
    with served.anonymous() as client:
        for _ in range(8):
            with pytest.raises(Refused):
                client.query(served.public_director, "{ viewer { id } }", None, {"Authorization": f"Bearer {CHOSEN}"})
    assert httpx2.get(f"{served.urls['internal']}/{CHOSEN}").status_code == 404
    (certificate,) = json.loads(served.command("certificate", "list", "--json").stdout)
    served.command("revoke", certificate["serial"])

    events = counted(served, "connector_events_total")
    audit = [*json.loads(served.command("audit", "--json").stdout)]
    # Commands count nothing, and the start does not count the tenant that it makes.
    by_server = [each["action"] for each in audit if not each["actor"].startswith(("command", "system"))]
    assert {action: number for (action,), number in events.items()} == {
        action: by_server.count(action) for action in set(by_server)
    }
    assert {"entity.registered", "token.minted", "token.spent", "certificate.issued"} <= set(by_server)
    assert counted(served, "connector_refusals_total")["key_unknown",] == 8
    requests = counted(served, "connector_requests_total")
    assert requests["other", "4xx"] == 1
    assert requests["director", "2xx"] >= 10
    for door in {door for door, _ in requests}:
        answered = sum(number for (each, _), number in requests.items() if each == door)
        timed = counted(served, "connector_request_seconds_count")[door,]
        assert answered == timed or door == "health"  # each scrape is a request of its own
    for text in (CHOSEN, token, certificate["serial"], application):
        assert text not in scrape(served)[1]


def in_both_formats(server: Server) -> tuple[list[Metric], list[Metric]]:
    """What the readers of the library find in either format, as soon as both tell the same of the CAs: a worker that
    answers may read the CRLs of the start a round later than the other.
    """
    deadline = time.monotonic() + SECONDS
    while True:
        plain_type, plain = scrape(server)
        open_type, opened = scrape(server, accept=OPENMETRICS)
        assert plain_type.startswith("text/plain; version=0.0.4")
        assert open_type.startswith("application/openmetrics-text; version=1.0.0")
        both = list(read_prometheus(plain)), list(read_openmetrics(opened))
        if all(numbers(both[0], name) == numbers(both[1], name) != {} for name in OF_CAS):
            return both
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_both_formats_are_read(served: Server) -> None:
    """The readers of the library find the same families in both formats, each of which has a help and a type."""
    both = in_both_formats(served)
    assert numbers(both[0], "connector_events_total").keys() == numbers(both[1], "connector_events_total").keys()
    assert {family.name for family in both[0]} == {family.name for family in both[1]}
    for families in both:
        assert {family.type for family in families} == {"counter", "gauge", "histogram"}
        assert [family.name for family in families if not family.documentation] == []
    workers = numbers(both[0], "connector_worker_resident_memory_bytes")
    assert all(10_000_000 < number < 500_000_000 for number in workers.values())
    assert set(workers) == {("1",), ("2",)}
    assert {state for _, state in numbers(both[0], "connector_ca_not_after_timestamp_seconds")} == {"root", "signing"}


def started(server: Server) -> list[int]:
    """The pids of all workers that were ever started."""
    lines = (line for line in server.log.read_text().splitlines() if '"worker.started"' in line)
    return [json.loads(line)["pid"] for line in lines]


def test_a_worker_that_dies_takes_no_number_with_it(served: Server) -> None:
    """After each worker was killed and started anew, no counter has fallen."""
    before = counted(served, "connector_events_total")
    former = started(served)
    for pid in former[-2:]:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while len(started(served)) < len(former) + 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    served.application("registered-after")
    after = counted(served, "connector_events_total")
    assert after == {**before, ("entity.registered",): before.get(("entity.registered",), 0) + 1}


def test_strangers_get_no_metrics(served: Server) -> None:
    """Neither public listener has them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=served.root.decode())
    for listener in ("public", "pki"):
        assert httpx2.get(f"{served.urls[listener]}/metrics", verify=context).status_code == 404


def test_the_alerts_ask_for_what_there_is(served: Server) -> None:
    """Each metric in the rules is one that is served, with those labels, and each value of a label is one of its."""
    families = list(read_prometheus(scrape(served)[1]))
    samples = [sample for family in families for sample in family.samples]
    asked = re.findall(r"(connector_\w+)(?:\{(.*?)\})?", "\n".join(re.findall(r"expr: (.*)", RULES.read_text())))
    assert len(asked) > 8
    for name, conditions in asked:
        found = [sample.labels for sample in samples if sample.name == name]
        assert found, name
        for label, values in re.findall(r'(\w+)=~?"(.*?)"', conditions):
            for value in alternatives(values):
                assert value in {labels[label] for labels in found}, (name, label, value)


def alternatives(pattern: str) -> list[str]:
    """The values of a rule's pattern such as a.(b|c) or b|c."""
    before, _, rest = pattern.rpartition("(")
    return [before + each for each in rest.rstrip(")").split("|")]
