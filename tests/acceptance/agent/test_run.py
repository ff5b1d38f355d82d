"""The agent that stays."""

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.agents import AGENT, agent, altered, enrolled, pairing, works
from tests.support.server import Server, environment

SECONDS = 30.0
BAD_INPUT, REFUSED, LOCKED = 3, 4, 7
# A certificate of one hour, to be renewed from its 36th to its 72nd second on: it is a minute old when it comes.
SHORT = {
    "CONNECTOR_CERTIFICATES__VALIDITY": "1h",
    "CONNECTOR_CERTIFICATES__RENEWAL_START": "1",
    "CONNECTOR_CERTIFICATES__RENEWAL_END": "2",
    "CONNECTOR_CERTIFICATES__RENEWAL_CHECK": "1m",
}


@dataclass(slots=True)
class Running:
    """``connector-agent run``."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    def wait(self, found: Callable[[str], object]) -> str:
        """The first line of the log that fits."""
        deadline, seen = time.monotonic() + SECONDS, 0
        while time.monotonic() < deadline:
            for line in self.lines[seen:]:
                seen += 1
                if found(line):
                    return line
            time.sleep(0.02)
        raise AssertionError(self.lines)

    def event(self, name: str) -> str:
        """The first event of that name."""
        return self.wait(lambda line: f" {name}" in f"{line} ")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it: its exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@contextmanager
def running(directory: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """An agent that stays on the directory."""
    with subprocess.Popen(
        [*AGENT, "run", "-d", str(directory), *arguments], stderr=subprocess.PIPE, text=True, env=environment(env)
    ) as process:
        made = Running(process)
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: made.lines.extend(iter(process.stderr.readline, "")), daemon=True)
        reader.start()
        try:
            yield made
        finally:
            process.kill()
            process.wait()
            reader.join()


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose certificates are to be renewed within seconds."""
    with Server(tmp_path_factory.mktemp("short") / "data", SHORT) as server:
        yield server


def test_it_renews_when_it_is_time(short: Server, tmp_path: Path) -> None:
    """It says that it is ready, renews within the window, has the program take it up, and writes its figures; a signal
    ends it well.
    """
    directory, figures, seen = enrolled(short, tmp_path / "identity"), tmp_path / "agent.prom", tmp_path / "seen"
    before = (directory / "current").readlink()
    with running(directory, "--metrics", str(figures), "--reload", f"touch {seen}") as process:
        process.event("agent.ready")
        process.event("renewal.done")
        while "renewals_total" not in figures.read_text() or " 1\n" not in figures.read_text():
            time.sleep(0.02)
        assert process.end() == 0
    assert (directory / "current").readlink() != before
    assert seen.exists()
    assert works(directory)
    told = figures.read_text()
    for name in ("not_after_timestamp_seconds", "renewal_timestamp_seconds", "up", "renewals_total", "failures_total"):
        assert re.search(rf'^connector_agent_{name}{{directory="{directory}"}} [0-9.]+$', told, re.MULTILINE), told
    assert figures.stat().st_mode & 0o777 == 0o644
    assert all(re.match(r"\S+Z [a-z_.]+( [a-z_]+=(\S+|\".*\"))*$", line) for line in process.lines), process.lines


def test_it_tells_systemd(server: Server, tmp_path: Path) -> None:
    """It says READY=1 once there is an identity, what it is doing, that it is alive, and that it stops."""
    directory, path = enrolled(server, tmp_path / "identity"), tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(path))
        told.settimeout(SECONDS)
        env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        with running(directory, env=env) as process:
            heard = [told.recv(1000).decode() for _ in range(4)]
            assert heard[0] == "READY=1"
            assert heard[1].startswith("STATUS=connected; certificate ")
            assert heard[2:] == ["WATCHDOG=1"] * 2
            process.process.terminate()
            while told.recv(1000) != b"STOPPING=1":
                pass
            assert process.process.wait(SECONDS) == 0


def test_an_operator_asks_and_a_signal_looks(server: Server, tmp_path: Path) -> None:
    """What an operator asks for is done at the next look, which SIGHUP brings about."""
    directory = enrolled(server, tmp_path / "identity")
    before = (directory / "current").readlink()
    with running(directory, "--json") as process:
        process.wait(lambda line: json.loads(line)["event"] == "agent.ready")
        serial = json.loads(agent("status", directory, "--json").stdout)["serial"]
        server.command("certificate", "renew-now", serial)
        process.process.send_signal(signal.SIGHUP)
        process.wait(lambda line: json.loads(line)["event"] == "renewal.done")
        assert process.end(signal.SIGINT) == 0
    assert (directory / "current").readlink() != before


def test_it_waits_for_a_server_that_is_away_for_the_whole_window(fresh_server: Server, tmp_path: Path) -> None:
    """A server that is away when it is time is asked again and again, in no hurry; when it is back, after the window,
    the agent renews. What it has goes on working.
    """
    fresh_server.settings = SHORT
    fresh_server.keeps_ports = True
    fresh_server.start()
    directory = enrolled(fresh_server, tmp_path / "identity")
    before = (directory / "current").readlink()
    fresh_server.stop()
    end = json.loads((directory / "state.json").read_text())["plan"]["end"]
    with running(directory) as process:
        process.event("agent.ready")
        process.wait(lambda line: "agent.failed code=unreachable" in line and line.split("Z ")[0] > end.split("+")[0])
        fresh_server.start()
        process.event("renewal.done")
        assert process.end() == 0
        failed = [line for line in process.lines if "agent.failed" in line]
    assert len(failed) < 12
    assert (directory / "current").readlink() != before
    assert works(directory)


def test_what_the_server_refuses_for_good_ends_it(short: Server, tmp_path: Path) -> None:
    """A revoked identity ends the agent with status 4, and not before it has said why."""
    directory = enrolled(short, tmp_path / "identity")
    assert agent("revoke", directory, "--yes").returncode == 0
    with running(directory) as process:
        assert process.process.wait(SECONDS) == REFUSED
        process.event("agent.failed code=certificate_revoked")


def test_a_revoked_identity_is_never_ready(server: Server, tmp_path: Path) -> None:
    """The server is asked before anything is said to be ready: a certificate that was revoked meanwhile ends the agent,
    and its metric is 0.
    """
    directory, figures = enrolled(server, tmp_path / "identity"), tmp_path / "agent.prom"
    with running(directory, "--metrics", str(figures)) as process:
        process.event("agent.ready")
        assert process.end() == 0
    assert up(figures) == "1"
    server.command("revoke", serial(directory))

    with running(directory, "--metrics", str(figures)) as process:
        assert process.process.wait(SECONDS) == REFUSED
        process.event("agent.failed code=certificate_revoked")
        assert not any("agent.ready" in line for line in process.lines)
    assert up(figures) == "0"


def test_a_revocation_is_noticed_at_the_next_check(server: Server, tmp_path: Path) -> None:
    """However far off the renewal is, the server is asked as often as ``--check`` says; a revocation that it tells of
    ends the agent, and the metric is 0.
    """
    directory, figures = enrolled(server, tmp_path / "identity"), tmp_path / "agent.prom"
    with running(directory, "--metrics", str(figures), "--check", "1s") as process:
        process.event("agent.ready")
        server.command("revoke", serial(directory))
        assert process.process.wait(SECONDS) == REFUSED
        process.event("agent.failed code=certificate_revoked")
    assert up(figures) == "0"


def serial(directory: Path) -> str:
    return str(json.loads(agent("status", directory, "--offline", "--json").stdout)["serial"])


def up(figures: Path) -> str:
    (found,) = re.findall(r"^connector_agent_up\{.*\} (\S+)$", figures.read_text(), re.MULTILINE)
    return str(found)


def test_it_goes_on_with_an_enrollment(server: Server, tmp_path: Path) -> None:
    """An enrollment that could not be ended is ended by the agent that stays; without one, and without an identity, it
    ends with status 3.
    """
    directory = tmp_path / "identity"
    with running(directory) as process:
        assert process.process.wait(SECONDS) == BAD_INPUT
    text = pairing(server, tmp_path.name[-80:])
    away = altered(text, connectorURL="https://localhost:1/connector/graphql")
    assert agent("enroll", directory, away, "--patience", "0").returncode == 6
    step = json.loads((directory / "pending" / "step.json").read_text())
    (directory / "pending" / "step.json").write_text(json.dumps({**step, "pairing": text}))
    with running(directory) as process:
        process.event("agent.ready")
        assert process.end() == 0
    assert works(directory)


def test_two_that_stay(server: Server, tmp_path: Path) -> None:
    """A second agent that wants to stay on the directory is told that there is one; renewing by hand goes on."""
    directory = enrolled(server, tmp_path / "identity")
    with running(directory) as process:
        process.event("agent.ready")
        with running(directory) as second:
            assert second.process.wait(SECONDS) == LOCKED
        assert agent("renew", directory).returncode == 0
        assert works(directory)
        assert process.end() == 0


def test_figures_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    """Where the file cannot be written, the agent says so and goes on."""
    directory = enrolled(server, tmp_path / "identity")
    with running(directory, "--metrics", str(tmp_path / "nowhere" / "agent.prom")) as process:
        process.event("metrics.failed")
        process.process.send_signal(signal.SIGHUP)
        process.wait(lambda line: "metrics.failed" in line)
        assert process.process.poll() is None
        assert process.end() == 0
