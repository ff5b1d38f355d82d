"""In-process signing, the ceiling: a CSR read and checked, a certificate built, signed and held to the profile.

It runs in a process of its own: for each line of its input, which says how many seconds, it answers a line of JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Self

from bench.clients import SUBJECT, new_csr
from bench.processes import pinned
from bench.rounds import Half, Plan, Round
from connector.domain.directory import EntityKind, Identity
from connector.pki.csr import CSRPolicy, verify
from connector.pki.issuer import SERIAL_OCTETS, Issuer, make_issuing, make_root, serial_number
from connector.pki.profile import CLIENT, NewCA, Profile
from connector.pki.signer import KeySigner
from connector.web.csrs import read

COMMON_NAME = "00000000-0000-4000-8000-000000000000"
REQUESTS = 200
WARM_SECONDS = 0.2
ROUND_SECONDS = 1.0


def issuer(now: datetime) -> Issuer:
    """A throw-away CA."""
    root_signer, signer = KeySigner.generate("p256"), KeySigner.generate("p256")
    year = timedelta(days=365)
    root = make_root(root_signer, NewCA("Bench Root", year, 1, now))
    certificate = make_issuing(root, root_signer, signer, NewCA("Bench Issuing", year, 2, now))
    return Issuer(certificate, signer, root)


def answer() -> None:
    """Sign for as long as each line says."""
    now = datetime.now(UTC)
    signer, profile = issuer(now), Profile(CLIENT, CSRPolicy(SUBJECT))
    holder = Identity(COMMON_NAME, COMMON_NAME, EntityKind.APPLICATION, COMMON_NAME)
    texts = [b64encode(new_csr(SUBJECT.text(COMMON_NAME))) for _ in range(REQUESTS)]
    for line in sys.stdin:
        done, started, cpu = 0, time.perf_counter(), time.process_time()
        while (elapsed := time.perf_counter() - started) < float(line):
            request = verify(read(texts[done % REQUESTS]), policy=profile.csr, common_name=COMMON_NAME)
            serial = serial_number(token_bytes(SERIAL_OCTETS), now=now)
            signer.sign(profile.plan(request, holder, authority=signer.authority, serial=serial, now=now))
            done += 1
        cpu = time.process_time() - cpu
        print(json.dumps({"per_second": done / elapsed, "cpu_ms": cpu / done * 1000}), flush=True)


@dataclass(slots=True)
class InProcess:
    """The ceiling, as a contestant."""

    core: int
    what: str = "signing"
    on: str = "in-process"
    process: "subprocess.Popen[str] | None" = None

    def __enter__(self) -> Self:
        """Start its process."""
        with pinned(self.core):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.signing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        """End it: its input ends."""
        if self.process is not None:
            self.process.communicate()

    async def warm(self, _: Plan) -> None:
        """A few."""
        await asyncio.to_thread(self._ask, WARM_SECONDS)

    async def round(self, _: Plan) -> Round:
        """For a second."""
        return await asyncio.to_thread(self._ask, ROUND_SECONDS)

    async def at_half(self, _: Plan, __: float) -> Half | None:
        """Nobody waits for it."""
        return None

    def memory(self) -> float | None:
        """It keeps nothing."""
        return None

    def _ask(self, seconds: float) -> Round:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(seconds, file=self.process.stdin, flush=True)
        return Round(**json.loads(self.process.stdout.readline()))


if __name__ == "__main__":
    answer()
