"""Where use cases are run: for one caller, each in a transaction of its own.

A use case is a plain function of a realm, or of the installation. It runs alone, unless it says at its definition that
it may run together with others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec, TypeVar

from connector.ports.transaction import Store, Transaction

F = TypeVar("F", bound=Callable[..., object])
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
U = TypeVar("U")

_TOGETHER = "runs_together"


def together(use_case: F) -> F:
    """Mark a use case that may run together with others that are marked.

    It has to be right whatever these commit between two of its statements: all that it relies on is in the condition of
    a write or held by a constraint; see :meth:`connector.ports.transaction.Store.transaction`.
    """
    setattr(use_case, _TOGETHER, True)
    return use_case


def runs_together(use_case: Callable[..., object]) -> bool:
    """Whether the use case is marked so."""
    return getattr(use_case, _TOGETHER, False)


@dataclass(frozen=True, slots=True)
class Office(Generic[R]):
    """Runs use cases for one caller: a realm's, or the installation's.

    ``identify`` finds out who calls, and returns what they may reach. It is asked in the very transaction that does the
    work, and again at each further attempt: a key that is revoked before it changes nothing after.
    """

    store: Store
    identify: Callable[[Transaction], R]

    async def run(self, use_case: Callable[Concatenate[R, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the use case and commit."""
        return await self.store.transaction(
            lambda tx: use_case(self.identify(tx), *args, **kwargs), alone=not runs_together(use_case)
        )

    async def run_then(
        self, then: Callable[[R, T], U], use_case: Callable[Concatenate[R, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> U:
        """Run the use case, read in the same transaction what there is to tell of its result, and commit."""

        def work(tx: Transaction) -> U:
            reached = self.identify(tx)
            return then(reached, use_case(reached, *args, **kwargs))

        return await self.store.transaction(work, alone=not runs_together(use_case))

    async def read(self, use_case: Callable[Concatenate[R, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that only reads, on one consistent view."""
        return await self.store.read(lambda tx: use_case(self.identify(tx), *args, **kwargs))
