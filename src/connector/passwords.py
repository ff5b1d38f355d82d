"""Hashing passwords with Argon2id (RFC 9106), in threads, a few at a time."""

from asyncio import Semaphore, to_thread
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

# Each takes 64 MiB while it runs: many at once would be a way to take all the memory.
AT_ONCE = 2

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


class Argon2Passwords:
    """Makes and checks hashes; see :class:`connector.ports.console.Passwords`."""

    def __init__(self) -> None:
        self._turns = Semaphore(AT_ONCE)

    async def make(self, password: str) -> str:
        """The hash to keep, in the PHC string format."""
        async with self._turns:
            return await to_thread(_HASHER.hash, password)

    async def check(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. Nobody's takes as long as somebody's."""
        async with self._turns:
            is_right = await to_thread(_is_right, kept or _nobodys(), password)
        return is_right and kept is not None


def _is_right(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """The hash of a password that nobody has."""
    return _HASHER.hash("nobody's")
