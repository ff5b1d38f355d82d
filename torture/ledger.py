"""What the clients know, outside every server: what they asked for, what they received, what got no answer."""

from collections import Counter
from dataclasses import dataclass, field

from torture import clients
from torture.clients import Ready, Received, received
from torture.wire import Answer, Connection, Lost


@dataclass(slots=True)
class Ledger:
    """One for all clients of a run."""

    received: dict[bytes, Received] = field(default_factory=dict)
    """Certificates, by fingerprint."""

    spent: list[Ready] = field(default_factory=list)
    """Tokens that brought their clients a certificate."""

    unanswered: list[Ready] = field(default_factory=list)
    """Tokens whose redemption got no answer, or a refusal that leaves the outcome open."""

    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    asked: int = 0

    def keep(self, answer: Answer) -> Received:
        """Write down a certificate that came."""
        got = received(answer)
        assert got.fingerprint not in self.received, "the same certificate came twice"
        self.received[got.fingerprint] = got
        return got

    async def redeem(self, connection: Connection, ready: Ready) -> str:
        """Redeem a token for a certificate, and write down what came of it: ``issued``, a refusal's code, ``lost``."""
        self.asked += 1
        try:
            answer = await clients.sign(connection, ready)
        except Lost:
            self.unanswered.append(ready)
            self.outcomes["lost"] += 1
            return "lost"
        self.statuses[answer.status] += 1
        if answer.code is None:
            self.keep(answer)
            self.spent.append(ready)
        elif answer.code.startswith("storage_"):
            self.unanswered.append(ready)
        outcome = answer.code or "issued"
        self.outcomes[outcome] += 1
        return outcome
