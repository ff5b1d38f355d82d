"""Tokens against a model so small that it is seen to be right."""

from asyncio import Runner
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tests.support.memory.store import MemoryStore
from tests.support.records import NOW, entity, identifier, system_auth, tenant, token

from connector.domain.refusals import Refusal
from connector.domain.refusals.tokens import TokenExpired, TokenSpent, TokenWithdrawn
from connector.domain.tokens import OneTimeToken, TokenState
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Store, Transaction
from connector.storage import open_sqlite

AUTHS = st.integers(1, 3)
REFUSED = {TokenState.SPENT: TokenSpent, TokenState.EXPIRED: TokenExpired, TokenState.WITHDRAWN: TokenWithdrawn}


class TokensOverStores(RuleBasedStateMachine):
    """Mint, redeem, wait, withdraw, remove a system auth: both stores answer as the model does."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.runner = Runner()
        self.stores: list[Store] = [MemoryStore(), open_sqlite(Path(self.directory.name) / "connector.db")]
        self.now = NOW
        self.model: dict[str, OneTimeToken] = {}

    def both(self, function: Callable[[Transaction], Any]) -> Any:
        """What both stores answer: a result, or the class of a refusal."""
        first, second = (self._answer(store, function) for store in self.stores)
        assert first == second
        return first

    def _answer(self, store: Store, function: Callable[[Transaction], Any]) -> Any:
        try:
            return self.runner.run(store.transaction(function))
        except Refusal as refusal:
            return type(refusal)

    @initialize()
    def furnish(self) -> None:
        """Three system auths that tokens can be minted under."""
        self.both(lambda tx: tx.tenants.add(tenant()))
        self.both(lambda tx: tx.directory(tenant().id).add_entity(entity()))
        for number in (1, 2, 3):
            self.both(lambda tx, number=number: tx.directory(tenant().id).add_system_auth(system_auth(number)))

    @rule(target=tokens, auth=AUTHS, minutes=st.integers(0, 5))
    def mint(self, auth: int, minutes: int) -> str:
        """A token for one of the system auths; one that lives for no time at all is among them."""
        number = len(self.model) + 1
        minted = token(
            number,
            system_auth_id=identifier(auth),
            minted_at=self.now,
            expires_at=self.now + timedelta(minutes=minutes),
        )
        self.both(lambda tx: tx.tokens.add(minted))
        self.model[minted.id] = minted
        return minted.id

    @rule(id=tokens)
    def redeem(self, id: str) -> None:
        """Redeem it, in whatever state it is."""
        known = self.model[id]
        state = known.state(now=self.now)
        assert self.both(lambda tx: tx.tokens.redeem(known, now=self.now)) == REFUSED.get(state)
        if state is TokenState.MINTED:
            self.model[id] = replace(known, spent_at=self.now)

    @rule(minutes=st.integers(1, 3))
    def wait(self, minutes: int) -> None:
        """Time goes on, to the very instant of an expiry too."""
        self.now += timedelta(minutes=minutes)

    @rule(id=tokens)
    def withdraw(self, id: str) -> None:
        """Withdraw one token."""
        self._withdraw(TokenFilter(tenant().id, id=id))

    @rule(auth=AUTHS)
    def remove_system_auth(self, auth: int) -> None:
        """Remove a system auth and cut off its tokens, once or again."""
        self.both(lambda tx: tx.directory(tenant().id).remove_system_auth(system_auth(auth)))
        self._withdraw(TokenFilter(tenant().id, system_auth_id=identifier(auth)))

    def _withdraw(self, which: TokenFilter) -> None:
        fitting = [one for one in self.model.values() if which in _filters(one)]
        withdrawn = {
            one.id: replace(one, withdrawn_at=self.now)
            for one in fitting
            if one.spent_at is None and one.withdrawn_at is None
        }
        answer = self.both(lambda tx: tx.tokens.withdraw(which, now=self.now))
        assert {one.id: one for one in answer} == withdrawn
        self.model.update(withdrawn)

    @invariant()
    def hold_what_the_model_holds(self) -> None:
        """Field by field."""
        assert {one.id: one for one in self.both(lambda tx: tx.tokens.list(TokenFilter(tenant().id)))} == self.model

    def teardown(self) -> None:
        """Let go of everything."""
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()
        self.directory.cleanup()


def _filters(one: OneTimeToken) -> tuple[TokenFilter, TokenFilter]:
    return TokenFilter(tenant().id, id=one.id), TokenFilter(tenant().id, system_auth_id=one.system_auth_id)


TestTokensOverStores = TokensOverStores.TestCase
TestTokensOverStores.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
