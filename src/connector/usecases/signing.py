"""Signing with patience: a slow signer is called in a thread of its own, and nobody waits for it for long."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import TypeVar

from connector.domain.refusals.issuers import SignerUnavailable
from connector.pki.crl import CRLPlan
from connector.pki.exact import WrongSignature
from connector.pki.issuer import Issuer
from connector.pki.plan import Plan
from connector.pki.signer import Signer, SignerError

T = TypeVar("T")

MOST_THREADS = 32
"""Calls of slow signers under way. A signer that hangs keeps its threads; later calls then wait in vain."""


@dataclass(frozen=True, slots=True)
class Signing:
    """Asks issuers to sign. ``limit`` is how long one signature may take, with the wait for its turn."""

    limit: timedelta = timedelta(seconds=10)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_THREADS), init=False, repr=False)

    async def sign(self, issuer: Issuer, plan: Plan) -> bytes:
        """The planned certificate, signed and checked.

        Raises:
            SignerUnavailable: the issuer's signer is away, took too long, or answered with a wrong signature.
            ProfileViolation: what was signed is not what was planned.
        """
        try:
            if not issuer.is_slow:
                return issuer.sign(plan)
            return await self._slowly(lambda: issuer.sign(plan))
        except (SignerError, WrongSignature) as error:
            raise SignerUnavailable from error

    async def sign_crl(self, plan: CRLPlan, pages: Sequence[bytes], signer: Signer) -> bytes:
        """The planned CRL with these entries, signed and verified, in a thread: to read a long one takes a while.

        Raises:
            SignerUnavailable: the signer is away, took too long, or answered with a wrong signature.
        """
        try:
            return await self._slowly(lambda: plan.sign(pages, signer))
        except (SignerError, WrongSignature) as error:
            raise SignerUnavailable from error

    async def prove(self, issuer: Issuer) -> None:
        """Return if the issuer could sign now.

        Raises:
            SignerUnavailable: it could not.
        """
        try:
            await (self._slowly(issuer.prove) if issuer.is_slow else _at_once(issuer.prove))
        except (SignerError, WrongSignature) as error:
            raise SignerUnavailable from error

    async def _slowly(self, call: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self.limit.total_seconds()):
                await self._turns.acquire()
                return await _in_thread(call, done=self._turns.release)
        except TimeoutError as error:
            raise SignerError(f"the signer did not answer within {self.limit.total_seconds():g} s") from error


async def _at_once(call: Callable[[], T]) -> T:
    return call()


def _in_thread(call: Callable[[], T], *, done: Callable[[], None]) -> "asyncio.Future[T]":
    """The call's result, from a thread that no exit of the process waits for: it may never end."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def settle(give: Callable[[], None]) -> None:
        done()
        if not answered.done():  # else nobody waits any more
            give()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it is the caller's to deal with
            give = _raiser(answered, error)
        else:
            give = _giver(answered, result)
        with suppress(RuntimeError):  # the loop is closed: the process is stopping
            loop.call_soon_threadsafe(settle, give)

    Thread(target=run, name="signer", daemon=True).start()
    return answered


def _giver(future: "asyncio.Future[T]", result: T) -> Callable[[], None]:
    return lambda: future.set_result(result)


def _raiser(future: "asyncio.Future[T]", error: BaseException) -> Callable[[], None]:
    return lambda: future.set_exception(error)
