"""The limits of answers: of each, and of all of a process together."""

from dataclasses import dataclass, field

from connector.web.graphql.dear import DearAnswers
from connector.web.requests import Budget

MIB = 1 << 20

HELD = 64 * MIB
"""The limit of all answers together that were not taken yet; four of the longest, where these are longer."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """The most that a query may cost, the most octets of its answer, and what all answers share."""

    cost: int = 8_000_000
    octets: int = 16 * MIB
    dear: DearAnswers = field(default_factory=DearAnswers)
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        """The budget goes by the length of an answer."""
        object.__setattr__(self, "budget", Budget(max(HELD, 4 * self.octets)))
