"""Keeping CRLs fresh in files: they are fetched, checked and put in place, and programs read them again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import random

from connector.agent.asking import once
from connector.agent.crl_files import CRLFiles
from connector.agent.crl_source import CRLSource
from connector.agent.crls import CA, CRL, CRLUnusable, judge, read
from connector.agent.hooks import Hooks
from connector.agent.metrics import Metrics, measure
from connector.agent.notify import notify
from connector.agent.outcomes import AgentError, ServerUntrusted, explained
from connector.agent.schedule import backoff
from connector.agent.staying import Stay


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: the CRLs that are in the files now, and why others were not taken."""

    crls: Sequence[CRL]
    is_changed: bool
    failures: Sequence[AgentError]


@dataclass(slots=True)
class CRLKeeper:
    """Keeps the files as fresh as the server. The caller holds them."""

    source: CRLSource
    files: CRLFiles
    hooks: Hooks
    event: Callable[..., None]
    _held: dict[str, CRL] | None = field(default=None, init=False, repr=False)
    _shown: Sequence[CRL] = field(default=(), init=False, repr=False)

    def round(self) -> Round:
        """Ask the server once. A CRL that cannot be had, or is not taken, leaves the one that is held in its place
        until that ends: a gateway with an old one knows more than one without.

        Raises:
            ServerRefused, ServerUntrusted, Unreachable: nothing is held that a gateway could use.
            FilesUnusable: the files cannot be written.
            HookFailed: a program did not take up the files; the next round repeats its command.
        """
        now, held = datetime.now(UTC), self._hold()
        failures = self._ask(held, now)
        crls = [each for each in held.values() if not each.is_over(now)]
        if not crls and failures:
            raise failures[0]
        # A long list is not encoded again for nothing.
        is_changed = (crls != self._shown or not self.files.are_there) and self.files.publish(crls)
        self._shown = crls
        if self.files.is_reload_due:
            self.hooks.run(self.files.path, self.event)
            self.files.reloaded()
        return Round(crls, is_changed, failures)

    def whole_round(self) -> Round:
        """The same, where nothing is wanting.

        Raises:
            AgentError: as :meth:`round`; also where one CRL is not there or not taken, although the rest is in place.
        """
        done = self.round()
        if done.failures:
            raise done.failures[0]
        return done

    def _hold(self) -> dict[str, CRL]:
        """What is held, by the ids of the CAs: at first what the files have."""
        if self._held is None:
            self._held = {each.ca.id: each for each in self.files.held(self.source.certificates)}
        return self._held

    def _ask(self, held: dict[str, CRL], now: datetime) -> Sequence[AgentError]:
        """Hold what the server has; why it does not hold the rest."""
        try:
            known = once(self.source.cas)
        except AgentError as error:
            return [error]
        failures = list[AgentError]()
        for ca in known:
            try:
                held[ca.id] = self._newest(ca, held.get(ca.id), now)
            except AgentError as error:
                failures.append(error)
        return failures

    def _newest(self, ca: CA, held: CRL | None, now: datetime) -> CRL:
        """The CRL of the CA that the server has.

        Raises:
            ServerRefused, ServerUntrusted, Unreachable: it has none, or not one to be taken.
        """
        octets = once(lambda: self.source.crl(ca))
        if octets is None and held is not None:
            return held
        try:
            crl = read(ca, octets or b"")
            judge(crl, held, now)
        except CRLUnusable as error:
            self.source.forget(ca)
            raise ServerUntrusted("crl_unusable", f"{self.source.url}: {error}.") from error
        return crl


@dataclass(slots=True)
class CRLAgent:
    """Stays, and asks every ``check_seconds``."""

    keeper: CRLKeeper
    metrics: Metrics
    check_seconds: float
    stay: Stay = field(default_factory=Stay)
    failures: int = 0
    is_ready: bool = False

    def run(self) -> None:
        """Go on until stopped.

        Raises:
            Locked: another agent works on these files.
            FilesUnusable: other users can write them.
        """
        self.stay.begin()
        with self.keeper.files.locked():
            self.stay.run(self.cycle, self.keeper.event, self.keeper.files.path)

    def cycle(self) -> float:
        """One round; how many seconds until the next."""
        try:
            with explained():
                done = self.keeper.round()
        except AgentError as error:
            return self._failed(error)
        self._tell(done)
        if done.failures:
            return self._failed(done.failures[0])
        self.failures = 0
        self._measure({"checked_timestamp_seconds": datetime.now(UTC).timestamp(), "up": 1})
        # Agents that were started together do not ask together.
        return self.check_seconds * (0.75 + random() / 4)  # noqa: S311 - no secret

    def _failed(self, error: AgentError) -> float:
        self.failures += 1
        self.keeper.event("crl.failed", code=error.code, reason=str(error), failures=self.failures)
        notify(f"STATUS={error}")
        self.metrics.count("failures_total")
        self._measure({"up": 0})
        return backoff(self.failures, random=random(), longest=self.check_seconds)  # noqa: S311 - no secret

    def _tell(self, done: Round) -> None:
        if done.is_changed:
            for crl in done.crls:
                self.keeper.event("crl.held", ca=crl.ca.title, number=crl.number, entries=crl.entries)
        if not self.is_ready:
            self.is_ready = True
            notify("READY=1")
            self.keeper.event("agent.ready")
        end = min(each.next_update for each in done.crls)
        notify(f"STATUS={len(done.crls)} CRLs, valid until {end:%Y-%m-%d %H:%M} UTC")
        entries = sum(each.entries for each in done.crls)
        self._measure({"crl_next_update_timestamp_seconds": end.timestamp(), "crl_entries": entries})

    def _measure(self, values: Mapping[str, float]) -> None:
        measure(self.metrics, values, self.keeper.event)
