"""The agent as a daemon: it asks the server, waits, renews, and reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import random

from connector.agent.directory import RUN_LOCK, Pair
from connector.agent.enrolling import ENROLLMENT
from connector.agent.metrics import Metrics, measure
from connector.agent.notify import notify
from connector.agent.outcomes import AgentError, BadInput, Locked, ServerRefused, Unreachable, explained
from connector.agent.renewing import Renewing
from connector.agent.schedule import Plan, backoff
from connector.agent.staying import Stay

BUSY_SECONDS = 2.0


@dataclass(slots=True)
class Agent:
    """Keeps one identity valid. The server is asked at least every ``check_seconds`` whether it still accepts it."""

    renewing: Renewing
    metrics: Metrics
    check_seconds: float
    stay: Stay = field(default_factory=Stay)
    failures: int = 0
    is_ready: bool = False

    def run(self) -> None:
        """Go on until stopped.

        Raises:
            ServerRefused: the server takes this identity no more.
            BadInput: there is no identity, and no enrollment under way.
            Locked: another agent stays here.
        """
        self.stay.begin()
        with self.renewing.directory.locked(RUN_LOCK):
            self.stay.run(self.cycle, self.renewing.event, self.renewing.directory.path)

    def cycle(self) -> float:
        """Do what is due; how many seconds until something may be due again."""
        try:
            with self.renewing.directory.locked(), explained():
                plan = self._work()
        except Locked:
            return BUSY_SECONDS
        except (BadInput, ServerRefused) as error:
            self._failed(error)
            raise
        except AgentError as error:
            self._failed(error)
            self._be_ready()
            wait = backoff(self.failures, random=random())  # noqa: S311 - no secret
            return max(wait, error.retry_after if isinstance(error, Unreachable) else 0)
        self.failures = 0
        self._tell(plan)
        left = min(plan.moment, plan.check_at) - self.renewing.now()
        # Agents that were started together do not ask together.
        longest = self.check_seconds * (0.75 + random() / 4)  # noqa: S311 - no secret
        return min(max(left / timedelta(seconds=1), 0.0), longest)

    def _work(self) -> Plan:
        """Go on with what was under way, ask the server how things stand, renew if it is due."""
        directory = self.renewing.directory
        step = directory.step()
        settled = self.renewing.settle()
        if settled is not None and step is not None and step.kind != ENROLLMENT:
            self._renewed(settled)
        pair, _ = directory.identity()
        plan = Plan.decode(directory.state().get("plan"))
        # Once expired, no handshake goes through: there is nobody to ask, and the renewal itself says what is what.
        is_over = self.renewing.now() > pair.leaf.not_valid_after_utc
        if not is_over:
            plan = self._look(plan, pair)
        if plan is None or is_over or plan.is_due(self.renewing.now()):
            self._renewed(self.renewing.renew())
            plan = Plan.decode(directory.state().get("plan")) or self.renewing.look()
        return plan

    def _look(self, plan: Plan | None, pair: Pair) -> Plan:
        try:
            return self.renewing.look()
        except Unreachable:
            # Work that is due is tried all the same, and each failure is reported by its cause.
            if plan is None or plan.serial != pair.serial or not plan.is_due(self.renewing.now()):
                raise
            return plan

    def _renewed(self, pair: Pair) -> None:
        self.metrics.count("renewals_total")
        self.renewing.event("renewal.done", serial=pair.serial)

    def _failed(self, error: AgentError) -> None:
        self.failures += 1
        self.renewing.event("agent.failed", code=error.code, reason=str(error), failures=self.failures)
        notify(f"STATUS={error}")
        self.metrics.count("failures_total")
        self._measure({"up": 0})

    def _tell(self, plan: Plan) -> None:
        pair = self.renewing.directory.current
        if pair is None:
            return
        leaf = pair.leaf
        self._be_ready()
        notify(f"STATUS=connected; certificate {pair.serial} until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        checked = self.renewing.directory.state().get("checked")
        self._measure(
            {
                "not_after_timestamp_seconds": leaf.not_valid_after_utc.timestamp(),
                "not_before_timestamp_seconds": leaf.not_valid_before_utc.timestamp(),
                "renewal_timestamp_seconds": plan.moment.timestamp(),
                "checked_timestamp_seconds": 0 if checked is None else datetime.fromisoformat(checked).timestamp(),
                "up": 1,
            }
        )

    def _measure(self, values: Mapping[str, float]) -> None:
        measure(self.metrics, values, self.renewing.event)

    def _be_ready(self) -> None:
        """Say so once the server was asked, if there is an identity to use.

        A refusal ends the agent before this. A server that is away does not: whoever waits for us may go on.
        """
        if not self.is_ready and self.renewing.directory.current is not None:
            self.is_ready = True
            notify("READY=1")
            self.renewing.event("agent.ready")
