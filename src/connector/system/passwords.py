"""Hashing passwords with Argon2id (RFC 9106), in threads, a few at a time."""

from asyncio import Semaphore, to_thread
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from connector.domain.refusals.requests import Overloaded

# Each takes 64 MiB while it runs: many at once would be a way to take all the memory.
AT_ONCE = 2
# Beyond this number callers are asked to try again: they would wait for longer than anybody does.
MOST_WAITING = 50

T = TypeVar("T")

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

NOBODYS = (  # a hash with today's parameters, of random octets that nobody kept
    "$argon2id$v=19$m=65536,t=3,p=4$xqs1wwebHSwaJwTl2JnIYw$fSTQ2UxK1eC2WsVeDCG7dd732J0FpKDmysOdDA+klo0"
)
"""The hash for names without a password. Not made at the first use, which would take twice as long."""


class Argon2Passwords:
    """Makes and checks hashes; see :class:`connector.ports.console.Passwords`."""

    def __init__(self) -> None:
        self._turns = Semaphore(AT_ONCE)
        self._under_way = 0

    async def make(self, password: str) -> str:
        """The hash to keep, in the PHC string format."""
        return await self._in_turn(lambda: _HASHER.hash(password))

    async def check(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. Without a hash this takes as long as with one, and the answer is no."""
        is_right = await self._in_turn(lambda: _is_right(kept or NOBODYS, password))
        return is_right and kept is not None

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._under_way >= MOST_WAITING:
            raise Overloaded
        self._under_way += 1
        try:
            async with self._turns:
                return await to_thread(work)
        finally:
            self._under_way -= 1


def _is_right(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
