"""The commands."""

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from connector import exposure
from connector.agent import doctor as examining
from connector.agent import enrolling, exporting
from connector.agent.asking import EXPIRED, Asking, holder, once
from connector.agent.crl_files import CRLFiles
from connector.agent.crl_keeping import CRLAgent, CRLKeeper
from connector.agent.crl_source import CRLSource
from connector.agent.directory import Connection, Directory, Pair, read_passphrase
from connector.agent.hooks import Hooks, split
from connector.agent.metrics import Metrics
from connector.agent.outcomes import (
    AgentError,
    BadInput,
    Exit,
    FilesUnusable,
    ServerRefused,
    ServerUntrusted,
    Unreachable,
    explained,
)
from connector.agent.renewing import Renewing
from connector.agent.running import Agent
from connector.agent.schedule import Plan
from connector.agent.terminal import Output
from connector.client.trust import TIMEOUT_SECONDS, context
from connector.domain.strict_json import JSONError, read_object, read_text
from connector.exposure import Trusted
from connector.exposure.files import group_id

MAX_PAIRING = 65536
MAX_ROOTS = 65536

_WORDS = {"certificate_revoked": "revoked", EXPIRED: "expired"}
_ENDS: Mapping[type[AgentError], str] = {
    ServerRefused: "refused",
    ServerUntrusted: "not the right server",
    Unreachable: "not reachable",
    FilesUnusable: "files cannot be used",
}


def enroll(given: argparse.Namespace, output: Output) -> int:
    """From the pairing string to ``status: connected``."""
    directory, asking = _directory(given), Asking(output, given.patience)
    passphrase_file = None if given.passphrase_file is None else str(given.passphrase_file.absolute())
    text = _pairing(given)
    renewing = Renewing(directory, asking, Hooks((), 0), _silent)
    with directory.locked(), explained():
        directory.tidy()
        enrolling.begin(directory, text, enrolling.Wish(given.key, passphrase_file, given.replace, given.key_file))
        enrolling.obtain(directory, asking)
        pair = renewing.put_in_use()
    _, connection = directory.identity()
    # The server has answered to it, or was away just then.
    plan = Plan.decode(directory.state().get("plan"))
    is_used = plan is not None and plan.serial == pair.serial
    output.result(_summary(directory, pair, connection, "connected" if is_used else "enrolled"))
    return Exit.FINE


def status(given: argparse.Namespace, output: Output) -> int:
    """Whether the server takes the certificate, and until when."""
    directory = _directory(given)
    pair, connection = directory.identity()
    facts = {name: value for name, value in _summary(directory, pair, connection, "").items() if name != "status"}
    if given.offline:
        output.result({"status": _by_its_dates(pair), "server": "not asked", **facts})
        return Exit.FINE
    if not output.as_json:
        output.result(facts)  # at once: the server may be long in answering
    try:
        with explained(), holder(pair, connection) as client:
            Asking(output, given.patience).persist("status", lambda: client.standing(connection.secured_connector))
    except AgentError as error:
        ended = {"status": _ended(error), "error": {"code": error.code, "message": str(error), "exit": error.exit}}
        if output.as_json:
            output.result({**ended, **facts})
            return error.exit
        output.result({"status": ended["status"]})
        raise
    output.result({"status": "connected", **(facts if output.as_json else {})})
    return Exit.FINE


def renew(given: argparse.Namespace, output: Output) -> int:
    """Renew now, or only if it is time to."""
    renewing = _renewing(given, output)
    directory = renewing.directory
    with directory.locked(), explained():
        pair = renewing.settle()
        if pair is None and given.if_due and not _is_due(renewing):
            pair, connection = directory.identity()
            output.result(_summary(directory, pair, connection, "not due"))
            return Exit.FINE
        if pair is None:
            pair = renewing.renew()
    _, connection = directory.identity()
    output.result(_summary(directory, pair, connection, "renewed"))
    return Exit.FINE


def run(given: argparse.Namespace, output: Output) -> int:
    """Stay, and renew when it is time."""
    renewing = _renewing(given, output, seconds=0)
    metrics = _metrics(given, renewing.directory.path, "renewals_total")
    Agent(renewing, metrics, given.check).run()
    return Exit.FINE


def crl(given: argparse.Namespace, output: Output) -> int:
    """Keep the CRLs fresh in files, or fetch them once."""
    keeper = CRLKeeper(_crl_source(given), CRLFiles(given.to.absolute()), _run_by(given), output.event)
    if not given.once:
        CRLAgent(keeper, _metrics(given, keeper.files.path), given.check).run()
        return Exit.FINE
    with keeper.files.locked():
        done = Asking(output, given.patience).persist("crl", keeper.whole_round)
    output.result(
        {
            "status": "fresh",
            "file": keeper.files.crls,
            "cas": ", ".join(each.ca.title for each in done.crls),
            "entries": sum(each.entries for each in done.crls),
            "nextUpdate": f"{min(each.next_update for each in done.crls):%Y-%m-%dT%H:%M:%SZ}",
        }
    )
    return Exit.FINE


def call(given: argparse.Namespace, _: Output) -> int:
    """Send the query as it is, and print what comes back."""
    pair, connection = _directory(given).identity()
    query = sys.stdin.read() if given.query == "-" else given.query
    try:
        variables = None if given.variables is None else read_text(given.variables)
    except JSONError as error:
        raise BadInput("variables_unreadable", f"--variables is not JSON: {error}.") from error
    url = connection.secured_connector if given.connector else connection.director
    with explained():
        verify = context(pair.anchors, pair.identity, read_passphrase(connection.passphrase_file))

    def post() -> Any:
        with httpx2.Client(verify=verify, timeout=TIMEOUT_SECONDS) as client:
            return read_object(client.post(url, json={"query": query, "variables": variables}).content)

    try:
        answer = once(post)
    except JSONError as error:
        raise Unreachable("no_answer", f"The server did not answer with a JSON object: {error}.") from error
    print(json.dumps(answer, indent=None if given.json else 2))  # noqa: T201 - that is what it is for
    return Exit.REFUSED if answer.get("errors") else Exit.FINE


def revoke(given: argparse.Namespace, output: Output) -> int:
    """Have the certificate revoked; a new pairing string is needed after that."""
    directory = _directory(given)
    pair, connection = directory.identity()
    if not given.yes:
        if not sys.stdin.isatty():
            raise BadInput("not_confirmed", "This cannot be undone. Say --yes.")
        print(f"Revoke certificate {pair.serial} for good? Type yes:", file=sys.stderr, end=" ", flush=True)  # noqa: T201
        if sys.stdin.readline().strip() != "yes":
            raise BadInput("not_confirmed", "Nothing was revoked. Type yes, or say --yes.")
    with directory.locked(), holder(pair, connection) as client:
        # Not asked again by itself: after a lost reply, the second time would be refused.
        once(lambda: client.revoke(connection.secured_connector))
    output.result(_summary(directory, pair, connection, "revoked"))
    return Exit.FINE


def doctor(given: argparse.Namespace, output: Output) -> int:
    """Say what is wrong, each with the next step."""
    findings = list(examining.examine(Directory(given.directory.absolute(), _group(given))))
    is_well = all(finding.is_well for finding in findings)
    if given.json:
        shown = [
            {"name": each.name, "ok": each.is_well, "told": each.observed, "advice": each.advice} for each in findings
        ]
        output.result({"ok": is_well, "findings": shown})
    else:
        for each in findings:
            output.finding(each.name, each.observed, each.advice, is_well=each.is_well)
    return Exit.FINE if is_well else Exit.UNWELL


def export(given: argparse.Namespace, output: Output) -> int:
    """Write a keystore, a truststore, or both."""
    pair, connection = _directory(given).identity()
    password = read_passphrase(str(given.password_file)) or b""
    if given.pkcs12 is None and given.truststore is None:
        raise BadInput("nothing_to_export", "Name a file: --pkcs12 FILE, --truststore FILE, or both.")
    with explained():
        if given.pkcs12 is not None:
            passphrase = read_passphrase(connection.passphrase_file)
            exporting.save(given.pkcs12, exporting.keystore(pair, key_passphrase=passphrase, password=password))
        if given.truststore is not None:
            if pair.anchors is None:
                raise BadInput("no_anchors", "This identity trusts the system's store; there is no anchor to export.")
            exporting.save(given.truststore, exporting.truststore(pair.anchors, password=password))
    output.result({"pkcs12": given.pkcs12, "truststore": given.truststore, "alias": exporting.ALIAS.decode()})
    return Exit.FINE


def _directory(given: argparse.Namespace) -> Directory:
    """The identity's directory, which nobody else can get at."""
    directory = Directory(given.directory.absolute(), _group(given))
    directory.refuse_exposed()
    return directory


def _group(given: argparse.Namespace) -> int | None:
    try:
        return None if given.group is None else group_id(given.group)
    except ValueError as error:
        raise BadInput("group_unknown", f"{given.group}: {error}.") from error


def _pairing(given: argparse.Namespace) -> str | None:
    """The pairing string, from where it was said to be; None for none."""
    if given.pairing is not None and given.file is not None:
        raise BadInput("two_pairings", "There is a pairing string and a --file. Give one of them.")
    with explained():
        if given.file is not None:
            with given.file.open(encoding="utf-8", errors="replace") as file:
                return str(file.read(MAX_PAIRING))
        if given.pairing == "-":
            if sys.stdin.isatty():
                print("Paste the pairing string, and press Enter and Ctrl-D:", file=sys.stderr, flush=True)  # noqa: T201
            return sys.stdin.read(MAX_PAIRING)
    return None if given.pairing is None else str(given.pairing)


def _crl_source(given: argparse.Namespace) -> CRLSource:
    """From where, and judged by which anchors: the identity says both where the options do not."""
    with explained():
        root = (
            None
            if given.root is None
            else exposure.read(given.root, is_secret=False, most=MAX_ROOTS, trusted=Trusted.here())
        )
    url, directory = given.url, Directory(given.directory.absolute(), _group(given))
    if url is None or root is None:
        if directory.current is None:
            raise BadInput(
                "no_source",
                f"Name the server and its root certificate: --url URL --root FILE. There is no identity in "
                f"{directory.path} that says them.",
            )
        pair, connection = _directory(given).identity()
        url, root = url or f"https://{urlsplit(connection.connector).netloc}/pki", root or pair.anchors
    if root is None:
        raise BadInput("no_anchors", "This identity trusts the system's store. Name the root: --root FILE.")
    return CRLSource(url, root)


def _metrics(given: argparse.Namespace, directory: Path, *counters: str) -> Metrics:
    path = None if given.metrics is None else given.metrics.absolute()
    return Metrics(path, directory, dict.fromkeys((*counters, "failures_total", "up"), 0.0))


def _run_by(given: argparse.Namespace) -> Hooks:
    """The commands to run after a change. What cannot be read is refused before anything is done."""
    for command in given.reload:
        split(command)
    return Hooks(given.reload, given.reload_seconds, given.umask)


def _renewing(given: argparse.Namespace, output: Output, seconds: float | None = None) -> Renewing:
    return Renewing(
        _directory(given),
        Asking(output, given.patience if seconds is None else seconds),
        _run_by(given),
        output.event,
        given.same_key,
    )


def _is_due(renewing: Renewing) -> bool:
    pair, _ = renewing.directory.identity()
    if renewing.now() > pair.leaf.not_valid_after_utc:
        return True
    return renewing.look().is_due(renewing.now())


def _summary(directory: Directory, pair: Pair, connection: Connection, word: str) -> Mapping[str, object]:
    plan = Plan.decode(directory.state().get("plan"))
    return {
        "status": word,
        "directory": directory.path,
        "system": connection.subject.rpartition("CN=")[2],
        "serial": pair.serial,
        "notAfter": f"{pair.leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "renewal": None if plan is None or plan.serial != pair.serial else f"{plan.moment:%Y-%m-%dT%H:%M:%SZ}",
        "director": connection.director,
        "connector": connection.secured_connector,
    }


def _by_its_dates(pair: Pair) -> str:
    now = datetime.now(UTC)
    if now < pair.leaf.not_valid_before_utc:
        return "not valid yet"
    return "expired" if now > pair.leaf.not_valid_after_utc else "valid"


def _ended(error: AgentError) -> str:
    """In a word, why the server does not say that this system is connected."""
    return _WORDS.get(error.code) or _ENDS.get(type(error), "not connected")


def _silent(_: str, **__: object) -> None:
    """Enrolling shows its progress, and logs no events."""
