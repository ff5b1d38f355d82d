"""When the holders of certificates were last seen: kept in mind, and written down once a minute.

So a call writes nothing, and a system that calls a thousand times a second is written down as often as one that calls
every five minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from connector.ports.transaction import Store, Transaction

PRECISION = timedelta(minutes=5)
"""Who was seen is not seen again for so long."""

MOST = 100_000
"""Certificates that a process keeps in mind. Beyond, all are forgotten: they are seen anew, and nothing is lost."""

AT_ONCE = 500


@dataclass(slots=True)
class Sightings:
    """The sightings of one process, with no more than ``most`` in mind. It is called from one thread."""

    most: int = MOST
    _seen: dict[bytes, datetime] = field(default_factory=dict, init=False, repr=False)
    _unwritten: dict[bytes, datetime] = field(default_factory=dict, init=False, repr=False)

    def see(self, fingerprint: bytes, *, now: datetime) -> None:
        """Keep in mind that the holder of this certificate, which was found to be good, has called."""
        last = self._seen.get(fingerprint)
        if last is not None and now - last < PRECISION:
            return
        if len(self._seen) >= self.most:
            self._seen.clear()
        self._seen[fingerprint] = self._unwritten[fingerprint] = now

    async def flush(self, store: Store) -> None:
        """Write down what was seen since the last call: to be called each minute, and at the end.

        Raises:
            StorageUnavailable: it could not be written; it is still kept in mind.
        """
        while self._unwritten:
            some = dict(islice(self._unwritten.items(), AT_ONCE))
            await store.transaction(partial(_write, some=some))
            # Seen again meanwhile: that is still to be written.
            for each, at in some.items():
                if self._unwritten.get(each) == at:
                    del self._unwritten[each]


def _write(tx: Transaction, some: Mapping[bytes, datetime]) -> None:
    tx.sightings.see(some)
