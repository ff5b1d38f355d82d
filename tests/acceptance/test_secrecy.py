"""How long a refusal takes reveals nothing about the secret."""

import asyncio
import time
from math import sqrt
from pathlib import Path
from random import Random
from statistics import fmean, quantiles, variance

import pytest
from tests.support.authority import World

from connector.domain.refusals.tokens import TokenUnknown
from connector.storage import open_sqlite

SAMPLES = 20_000
MOST_T = 4.5


def welch(one: list[float], other: list[float]) -> float:
    """Welch's t of the two, each without its slowest tenth: what the machine did meanwhile is no part of it."""
    kept = [[value for value in sample if value <= quantiles(sample, n=10)[-1]] for sample in (one, other)]
    error = sqrt(sum(variance(sample) / len(sample) for sample in kept))
    return (fmean(kept[0]) - fmean(kept[1])) / error


@pytest.mark.timeout(300)
def test_time_tells_nothing_of_a_token(tmp_path: Path) -> None:
    """Of 20 000 wrong tokens, those that share all but the last character with a real one take no longer to refuse."""

    async def measure() -> tuple[list[float], list[float]]:
        world = World(open_sqlite(tmp_path / "connector.db"))
        realm = await world.tenant()
        minted = await world.hand_over(realm, await world.register(realm))
        secret = minted.secret.text
        choose = Random(1)  # noqa: S311 - no secret
        # The real one ends in "==" after a character of which two bits count. As many of either kind, made beforehand:
        # whatever else tells the two apart would be measured too.
        near = [text for last in "AQgw" if (text := f"{secret[:85]}{last}==") != secret]
        far = [choose.randbytes(44).hex() for _ in near]
        samples: tuple[list[float], list[float]] = ([], [])
        for _ in range(SAMPLES):
            is_near = choose.random() < 1 / 2
            text = choose.choice(near if is_near else far)
            started = time.perf_counter()
            with pytest.raises(TokenUnknown):
                await world.configure(text, None)
            samples[is_near].append(time.perf_counter() - started)
        await world.store.close()
        return samples

    assert abs(welch(*asyncio.run(measure()))) < MOST_T
