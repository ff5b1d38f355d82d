"""Quotas through the wire: what is refused says which setting it was, and when to try again."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pysqlite3.dbapi2 as driver
import pytest
from tests.support.console import administrator, visitor
from tests.support.server import Identity, Server, encoded

from connector.client import make_csr, make_key

SMALL = {
    "CONNECTOR_QUOTAS__CERTIFICATES_A_DAY": "2",
    "CONNECTOR_QUOTAS__TOKENS_A_MINUTE": "3",
    "CONNECTOR_QUOTAS__REFUSALS_A_MINUTE": "4",
    "CONNECTOR_QUOTAS__TENANT_RUNTIMES": "1",
    "CONNECTOR_QUOTAS__TENANT_TOKENS": "5",
}
SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"
CONFIGURATION = "{ result: configuration { token { token } certificateSigningRequestInfo { subject } } }"
RUNTIME = "mutation ($name: String!) { result: registerRuntime(in: {name: $name}) { id } }"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of small quotas."""
    with Server(tmp_path_factory.mktemp("small") / "data", settings=SMALL) as server:
        yield server


def ask(server: Server, identity: Identity, query: str, step: str | None = None, **variables: str) -> httpx2.Response:
    """A request over mutual TLS."""
    with server.holder(identity) as client:
        return client._http.post(  # noqa: SLF001 - the answer as it comes
            server.mtls_connector,
            json={"query": query, "variables": variables},
            headers={} if step is None else {"Idempotency-Key": step},
        )


def extensions(answer: httpx2.Response) -> Any:
    return answer.json()["errors"][0]["extensions"]


def test_a_holder_at_its_limits_is_told_which_and_until_when(small: Server, tmp_path: Path) -> None:
    """The third certificate of a day and the fourth token of a minute are refused, with the setting, its value and a
    time, in the errors and as Retry-After; what an Idempotency-Key brought before is answered again.
    """
    identity = small.enroll(small.token(small.application("holder")), tmp_path)
    csr = encoded(make_csr(make_key(), identity.subject))
    renewed = ask(small, identity, SIGN, "step", csr=csr)
    assert renewed.json()["data"]["result"]["certificateChain"]

    refused = ask(small, identity, SIGN, "another", csr=csr)
    assert refused.status_code == 429
    told = extensions(refused)
    assert (told["error"], told["limit"], told["value"]) == ("quota_exceeded", "quotas.certificates_a_day", 2)
    assert 86000 < told["retryAfterSeconds"] <= 86400
    assert refused.headers["retry-after"] == str(told["retryAfterSeconds"])
    assert "quotas.certificates_a_day = 2" in refused.json()["errors"][0]["message"]
    assert ask(small, identity, SIGN, "step", csr=csr).json() == renewed.json()

    answers = [ask(small, identity, CONFIGURATION) for _ in range(4)]
    limited = next(answer for answer in answers if "errors" in answer.json())
    told = extensions(limited)
    assert (told["error"], told["limit"], told["value"]) == ("rate_limited", "quotas.tokens_a_minute", 3)
    assert 1 <= told["retryAfterSeconds"] <= 60


def test_an_administrator_is_told_the_setting_to_raise(small: Server) -> None:
    """What a tenant has no room for is refused on the API and on the command line, with the setting's name."""
    small.administer(RUNTIME, {"name": "one"})
    key = (small.data / "admin.key").read_text().strip()
    with small.anonymous() as client:
        answer = client._http.post(  # noqa: SLF001 - the answer as it comes
            small.public_director,
            json={"query": RUNTIME, "variables": {"name": "two"}},
            headers={"Authorization": f"Bearer {key}", "Tenant": "default"},
        )
    told = extensions(answer)
    assert (told["error"], told["limit"], told["value"]) == ("quota_exceeded", "quotas.tenant_runtimes", 1)
    assert told["retryAfterSeconds"] is None
    assert "retry-after" not in answer.headers

    command = small.command("runtime", "register", "three", check=False)
    assert command.returncode == 3
    assert "quotas.tenant_runtimes = 1" in command.stderr


def test_nothing_that_was_counted_is_lost_at_a_clean_stop(tmp_path: Path) -> None:
    """Each refused renewal is in the audit after the server has stopped, in a row or in its number; export and console
    say how many times.
    """
    with Server(tmp_path / "counted" / "data", settings={"CONNECTOR_QUOTAS__REFUSALS_A_MINUTE": "0"}) as server:
        identity = server.enroll(server.token(server.application("holder")), tmp_path)
        wrong = encoded(make_csr(make_key(), identity.subject.replace("CN=", "CN=x")))
        for _ in range(7):
            assert extensions(ask(server, identity, SIGN, csr=wrong))["error"] == "csr_subject_mismatch"
        assert server.stop() == 0
        with driver.connect(str(server.data / "connector.db")) as database:
            rows = database.execute("SELECT times FROM audit_events WHERE action = 'certificate.refused' ORDER BY id")
            assert [row[0] for row in rows] == [1, 6]

        server.start()
        administrator(server, "ann", "administrator")
        with visitor(server, "ann") as made:
            exported = made.http.get("/console/t/default/audit/export?format=csv&what=certificate.refused").text
            assert [row["times"] for row in csv.DictReader(io.StringIO(exported))] == ["6", "1"]
            assert "Renewal refused 6 times" in made.get("/console/t/default/audit?what=certificate.refused").text
