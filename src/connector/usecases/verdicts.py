"""Verdicts: whether the holder of a certificate may pass a gateway, and who it is.

Nothing is cached: each verdict is read after it was asked for, so that a revocation holds from the next request on.
Those that are asked for while a read is under way share the next one.
"""

from asyncio import Future, Task, create_task, get_running_loop
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain import subjects
from connector.domain.refusals.storage import StorageUnavailable
from connector.domain.subjects import Narrowing, Owner, Subject
from connector.ports.transaction import Clock, Store
from connector.usecases.issuers import Issuers

READS_AT_ONCE = 1
"""How many reads are under way at the most. More would leave fewer verdicts to share each."""

MOST_AT_ONCE = 500
"""How many verdicts share one read at the most."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A certificate that is good, and its owner."""

    subject: Subject
    owner: Owner


@dataclass(slots=True)
class Verdicts:
    """Gives verdicts."""

    store: Store
    issuers: Issuers
    clock: Clock
    _waiting: list[tuple[bytes, "Future[Subject | None]"]] = field(default_factory=list, init=False, repr=False)
    _reading: int = field(default=0, init=False, repr=False)
    _beginning: bool = field(default=False, init=False, repr=False)
    _tasks: set[Task[None]] = field(default_factory=set, init=False, repr=False)

    async def of(self, fingerprint: bytes, narrowing: Narrowing) -> Verdict:
        """The verdict on the holder of the certificate with this fingerprint.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the certificate is not good.
            TenantMismatch, KindMismatch, ApplicationMismatch: its owner is not among those that may pass.
            StorageUnavailable: it cannot be looked up.
        """
        subject = await self._find(fingerprint)
        owner = subjects.check(subject, issuers=self.issuers.good, now=self.clock())
        narrowing.check(owner)
        assert subject is not None  # noqa: S101 - for the type: an unknown one was refused
        return Verdict(subject, owner)

    async def _find(self, fingerprint: bytes) -> Subject | None:
        found: Future[Subject | None] = get_running_loop().create_future()
        self._waiting.append((fingerprint, found))
        if not self._beginning and self._reading < READS_AT_ONCE:
            self._begin()
        return await found

    def _begin(self) -> None:
        self._beginning = True
        task = create_task(self._read())
        self._tasks.add(task)  # the event loop itself keeps no task alive
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        """Read for those that wait, until nobody does."""
        self._beginning = False
        self._reading += 1
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._answer(batch)
        finally:
            # In the same step as the last look at those that wait: whoever comes now begins another read.
            self._reading -= 1

    async def _answer(self, batch: Sequence[tuple[bytes, "Future[Subject | None]"]]) -> None:
        try:
            found = await self._look_up({fingerprint for fingerprint, _ in batch})
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else StorageUnavailable())
            if not isinstance(error, Exception):
                raise
        else:
            for fingerprint, future in batch:
                if not future.done():  # its caller has gone away
                    future.set_result(found.get(fingerprint))

    async def _look_up(self, wanted: Collection[bytes]) -> Mapping[bytes, Subject]:
        return await self.store.look_up(lambda tx: tx.subjects.find(wanted))
