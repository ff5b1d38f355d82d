"""Passwords."""

from typing import Protocol


class Passwords(Protocol):
    """Hashes passwords. Both take a good tenth of a second of a processor, in a thread of their own."""

    async def make(self, password: str) -> str:
        """The hash to keep."""

    async def check(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. None takes as long as a wrong one does, and is never right."""
