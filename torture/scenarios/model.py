"""A model of a token, held against real servers by every way that hypothesis finds (R2)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from hypothesis.strategies import data, integers, sampled_from

from torture import checks, clients
from torture.clients import Ready
from torture.ledger import Ledger
from torture.sites import Site
from torture.wire import Connection

UNREGISTER = "mutation ($id: ID!) { result: unregisterApplication(id: $id) { id } }"
BAD_CSR = "bm8gQ1NS"
# After so many CSRs that were refused a token is withdrawn.
MOST_REFUSED = 10


@dataclass(slots=True)
class Token:
    """What the model knows of one."""

    ready: Ready
    application: int
    state: str
    """The code with which the next redemption is refused; ``issued`` where it is not."""

    refused: int = 0


@dataclass(slots=True)
class Hands:
    """What the machine works with: one event loop, a connection to each server."""

    site: Site
    loop: asyncio.AbstractEventLoop
    connections: list[Connection]
    steps: int = 0
    issued: int = 0
    ledger: Ledger = field(default_factory=Ledger)

    def do(self, awaitable: Any) -> Any:
        """Run to its end."""
        self.steps += 1
        return self.loop.run_until_complete(awaitable)


def machine(hands: Hands) -> type[RuleBasedStateMachine]:  # noqa: C901 - a class within
    """The state machine for these servers."""

    class Tokens(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.tokens: list[Token] = []
            self.applications: list[str] = [hands.do(hands.site.application(hands.connections[0]))]

        def _connection(self, number: int) -> Connection:
            return hands.connections[number % len(hands.connections)]

        @rule(server=integers(0, 3))
        def mint(self, server: int) -> None:
            """An administrator mints a token, and its bearer configures with it."""
            application = len(self.applications) - 1
            ready = hands.do(hands.site.administrator.ready(self._connection(server), self.applications[application]))
            self.tokens.append(Token(ready, application, "issued"))

        @precondition(lambda self: self.tokens)
        @rule(draw=data(), server=integers(0, 3))
        def redeem(self, draw: Any, server: int) -> None:
            """Somebody redeems a token, for the first time or again, anywhere."""
            token = draw.draw(sampled_from(self.tokens))
            outcome = hands.do(hands.ledger.redeem(self._connection(server), token.ready))
            assert outcome == token.state, f"{outcome}, and not {token.state}"
            hands.issued += outcome == "issued"
            if token.state == "issued":
                token.state = "token_spent"

        @precondition(lambda self: self.tokens)
        @rule(draw=data(), server=integers(0, 3))
        def redeem_badly(self, draw: Any, server: int) -> None:
            """Somebody sends what is no CSR: the token is not spent."""
            token = draw.draw(sampled_from(self.tokens))
            answer = hands.do(
                self._connection(server).post(
                    clients.CONNECTOR, clients.SIGN, {"csr": BAD_CSR}, Connector_Token=token.ready.token
                )
            )
            assert answer.code == ("csr_not_pem" if token.state == "issued" else token.state), answer
            token.refused += token.state == "issued"
            if token.refused == MOST_REFUSED and token.state == "issued":
                token.state = "token_withdrawn"

        @precondition(lambda self: any(token.state == "issued" for token in self.tokens))
        @rule(draw=data())
        def expire(self, draw: Any) -> None:
            """Its time is over: the row is made to say so, which is quicker than to wait."""
            token = draw.draw(sampled_from([one for one in self.tokens if one.state == "issued"]))
            self._change(token, "expires_at = minted_at")
            token.state = "token_expired"

        @rule(server=integers(0, 3))
        def unregister(self, server: int) -> None:
            """The application goes, and with it its tokens."""
            answer = hands.do(
                hands.site.administrator.call(self._connection(server), UNREGISTER, id=self.applications[-1])
            )
            assert answer.result
            for token in self.tokens:
                if token.application == len(self.applications) - 1 and token.state in {"issued", "token_expired"}:
                    token.state = "token_withdrawn"
            self.applications.append(hands.do(hands.site.application(hands.connections[0])))

        def _change(self, token: Token, what: str) -> None:
            name = token.ready.subject.rpartition("CN=")[2]
            hands.site.database.change(
                f"UPDATE tokens SET {what} WHERE system_auth_id = '{name}' AND spent_at IS NULL"  # noqa: S608
            )

    return Tokens


def explored(site: Site, *, examples: int, steps: int) -> Mapping[str, int | float]:
    """Whatever is done with tokens on two servers, in whatever order, a model of ten lines foretells every answer."""
    loop = asyncio.new_event_loop()
    hands = Hands(site, loop, site.connections(len(site.servers)))
    try:
        run_state_machine_as_test(
            machine(hands),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],  # real servers make a shorter example too dear
                suppress_health_check=list(HealthCheck),
            ),
        )
        sound = checks.sound(site.database, hands.ledger)
    finally:
        for connection in hands.connections:
            connection.close()
        loop.run_until_complete(asyncio.sleep(0.05))  # in which they are
        loop.close()
    return {"examples": examples, "calls": hands.steps, "issued": hands.issued, "divergences": 0, **sound}
