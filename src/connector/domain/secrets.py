"""Secrets: no repr of one, and no log, ever holds its text."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """The text of a one-time token, shown once by the operation that minted it."""

    text: str = field(repr=False)
