"""From one certificate to the next: obtained and checked first, then swapped, and the former kept until it worked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import random
from uuid import uuid4

import httpx2

from connector.agent import checking, enrolling, schedule
from connector.agent.asking import EXPIRED, Asking, holder
from connector.agent.directory import (
    ANCHORS,
    CHAIN,
    CONNECTION,
    KEY,
    REQUEST,
    Connection,
    Directory,
    Pair,
    Step,
    encode_key,
    load_key,
    read_passphrase,
)
from connector.agent.hooks import Hooks
from connector.agent.outcomes import HookFailed, ServerRefused, Unreachable, explained
from connector.agent.schedule import Plan
from connector.client import Client, Configuration, Refused, make_csr, make_key, prove
from connector.client.errors import says_expired
from connector.client.keys import PrivateKey, encode

RENEWAL, LATE = "renewal", "late"
# The server's code where a certificate that has not expired is to be renewed by a proof.
STILL_GOOD = "invalid_data"
# A difference of clocks that is worth to be heeded; the server's Date has whole seconds, and the way takes time.
SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Renewing:
    """Renews the identity in a directory that the caller holds."""

    directory: Directory
    asking: Asking
    hooks: Hooks
    event: Callable[..., None]
    same_key: bool = False

    def now(self) -> datetime:
        """The server's time, as far as it is known."""
        return datetime.now(UTC) + timedelta(seconds=float(self.directory.state().get("skew", 0)))

    def look(self) -> Plan:
        """Ask the server how things stand and when to renew, as the holder of the certificate in use.

        This counts as a use: the one before is not needed any more.

        Raises:
            AgentError: the server cannot be asked, or takes the certificate no more.
        """
        pair, connection = self.directory.identity()
        with explained():
            configuration = self._ask(pair, connection)
            plan = self._plan(pair, configuration)
            moved = replace(
                connection, director=configuration.director_url, secured_connector=configuration.connector_url
            )
            if moved != connection:
                self.directory.connect(moved)
            if self.directory.former is not None:
                self.directory.forget_former()
        return plan

    def settle(self) -> Pair | None:
        """Bring to its end what was under way, an enrollment or a renewal; None where nothing was.

        Raises:
            AgentError: it cannot go on; see :meth:`renew` and :func:`enrolling.obtain`.
        """
        with explained():
            step = self.directory.step()
            self.directory.tidy()
            if step is None:
                return None
            if step.kind != enrolling.ENROLLMENT:
                return self.renew()
            enrolling.obtain(self.directory, self.asking)
            return self.put_in_use()

    def renew(self) -> Pair:
        """Renew now, or go on with the renewal that was under way.

        Raises:
            AgentError: it cannot go on. A step that may go on later is kept; a final refusal ends it.
            HookFailed: the former pair is in use again; the next call tries the new one once more.
        """
        with explained():
            current, connection = self.directory.identity()
            step = self.directory.step()
            if self.directory.kept(CHAIN) is not None and self.now() > self.directory.brought().not_valid_after_utc:
                # No program would take it up, for as long as that: it is of no more use.
                self.directory.end()
                step = None
            if self.directory.kept(CHAIN) is None:
                if step is None or step.former != current.fingerprint.hex():
                    step = self._begin(current, connection)
                self._obtain(current, step)
            return self.put_in_use()

    def put_in_use(self) -> Pair:
        """Swap in what the step under way brought, have the programs take it up, and use it once.

        Raises:
            HookFailed: a program did not take it up, and the former pair is in use again.
        """
        pair = self.directory.install()
        self._run_hooks(pair)
        self.directory.end()
        self.event("certificate.in_use", serial=pair.serial, not_after=pair.leaf.not_valid_after_utc.isoformat())
        self._use_once()
        return pair

    def _run_hooks(self, pair: Pair) -> None:
        try:
            self.hooks.run(self.directory.path, self.event)
        except HookFailed as failure:
            former = self.directory.former
            # One that has expired would be no better.
            if former is None or self._is_over(former):
                raise
            self.directory.roll_back()
            self.event("certificate.rolled_back", serial=pair.serial, reason=str(failure))
            try:
                self.hooks.run(self.directory.path, self.event)
            except HookFailed as again:
                self.event("hook.failed", reason=str(again))
            raise

    def _use_once(self) -> None:
        try:
            self.look()
        except Unreachable as error:
            # The next look is the first use; until then the former pair stays.
            self.event("server.unreachable", reason=str(error))
        except ServerRefused as refusal:
            if refusal.code == "certificate_unknown" and self.directory.former is not None:
                # The server has forgotten what it issued: restored from a backup, perhaps.
                self.directory.roll_back()
                self.event("certificate.rolled_back", reason=refusal.code)
                self.hooks.run(self.directory.path, self.event)
            raise

    def _is_over(self, pair: Pair) -> bool:
        return self.now() > pair.leaf.not_valid_after_utc

    def _ask(self, pair: Pair, connection: Connection) -> Configuration:
        with holder(pair, connection) as client:
            return self.asking.persist("configuration", lambda: client.standing(connection.secured_connector))

    def _plan(self, pair: Pair, configuration: Configuration) -> Plan:
        now = datetime.now(UTC)
        skew = configuration.date - now if configuration.date is not None else timedelta(0)
        if abs(skew) < SKEW:
            skew = timedelta(0)
        plan = schedule.plan(
            pair.serial,
            (pair.leaf.not_valid_before_utc, pair.leaf.not_valid_after_utc),
            configuration.renewal,
            Plan.decode(self.directory.state().get("plan")),
            now=now + skew,
            random=random(),  # noqa: S311 - no secret
        )
        self.directory.note({"plan": plan.encode(), "skew": skew.total_seconds(), "checked": now.isoformat()})
        return plan

    def _begin(self, current: Pair, connection: Connection) -> Step:
        """Make the key and the CSR, and keep them before anything is sent."""
        passphrase = read_passphrase(connection.passphrase_file)
        kind = LATE
        if not self._is_over(current):
            try:
                configuration = self._ask(current, connection)
            except ServerRefused as refusal:
                if refusal.code != EXPIRED:  # this machine's clock is behind
                    raise
            else:
                kind = RENEWAL
                connection = replace(
                    connection,
                    director=configuration.director_url,
                    secured_connector=configuration.connector_url,
                    subject=configuration.subject,
                )
        key = self._key(current, connection, passphrase)
        step = Step(kind, str(uuid4()), former=current.fingerprint.hex())
        content: Mapping[str, bytes | None] = {
            KEY: encode_key(key, passphrase),
            REQUEST: make_csr(key, connection.subject),
            CONNECTION: connection.encode(),
            ANCHORS: current.anchors,
        }
        self.directory.begin(step, {name: octets for name, octets in content.items() if octets is not None})
        return step

    def _key(self, current: Pair, connection: Connection, passphrase: bytes | None) -> PrivateKey:
        if self.same_key:
            return load_key(current.identity[1].read_bytes(), passphrase)
        return make_key(connection.key)

    def _obtain(self, current: Pair, step: Step) -> None:
        connection = self.directory.connection(pending=True) or Connection("", "", "", "")
        key = load_key(self.directory.kept(KEY) or b"", read_passphrase(connection.passphrase_file))
        try:
            chain = self.asking.persist("renewal", lambda: self._send(current, connection, step))
            leaf = checking.check(chain, key=key, subject=connection.subject, anchors=current.anchors)
        except ServerRefused:
            self.directory.end()
            raise
        self.directory.keep(CHAIN, chain)
        self.event("certificate.renewed", serial=f"{leaf.serial_number:x}", former=current.serial, kind=step.kind)

    def _send(self, current: Pair, connection: Connection, step: Step) -> bytes:
        """The same step over mutual TLS or, when the certificate has expired, by a proof of its key.

        Which of them it is, the server knows best: this machine's clock may be wrong.
        """
        csr = self.directory.kept(REQUEST) or b""
        if step.kind == LATE or self._is_over(current):
            try:
                return self._prove(current, connection, csr, step)
            except Refused as refusal:
                if refusal.code != STILL_GOOD:
                    raise
        try:
            with holder(current, connection) as client:
                return client.sign(connection.secured_connector, csr, step.idempotency_key)
        except httpx2.HTTPError as error:
            if not says_expired(error):
                raise
            return self._prove(current, connection, csr, step)

    def _prove(self, current: Pair, connection: Connection, csr: bytes, step: Step) -> bytes:
        old_key = load_key(current.identity[1].read_bytes(), read_passphrase(connection.passphrase_file))
        proof = prove(old_key, current.fingerprint, encode(csr))
        with Client(root=current.anchors) as client:
            return client.renew_expired(connection.connector, current.fingerprint, csr, proof, step.idempotency_key)
