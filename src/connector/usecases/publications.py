"""How much an application may publish: the quotas of its services."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.domain.catalogue import MOST_SERVICES, Service, Size
from connector.domain.quotas import HOUR, Buckets, Limit, Quotas, share, whole_seconds
from connector.domain.refusals.quotas import QuotaExceeded, RateLimited


@dataclass(frozen=True, slots=True)
class Publications:
    """The quotas of one process. Changes are counted in the process: most leave no row that could be counted."""

    quotas: Quotas = field(default_factory=Quotas)
    workers: int = 1
    _changes: Buckets = field(init=False, repr=False)

    def __post_init__(self) -> None:
        changes = share(self.quotas.service_changes_an_hour, self.workers)
        object.__setattr__(self, "_changes", Buckets(changes, HOUR.total_seconds()))

    def admit_change(self, application_id: str, *, now: datetime) -> None:
        """Return if the application may change its services now; :meth:`changed` counts against it.

        Raises:
            RateLimited: it changed them too often.
        """
        wait = self._changes.wait(application_id, now.timestamp())
        if wait > 0:
            raise RateLimited(
                Limit.SERVICE_CHANGES_AN_HOUR,
                self.quotas.service_changes_an_hour,
                "This application changed its services too often",
                retry_after=whole_seconds(timedelta(seconds=wait)),
            )

    def changed(self, application_id: str, *, now: datetime) -> None:
        """Count a change of the application's services."""
        self._changes.take(application_id, now.timestamp())

    def admit(self, service: Service, published: Size, before: Service | None = None) -> None:
        """Return if the service may be added to what is published, or take the place of what it was before.

        Raises:
            QuotaExceeded: there would be too many services, or too many octets.
        """
        most = self.quotas.services or MOST_SERVICES
        if before is None and published.number >= most:
            raise QuotaExceeded(
                Limit.SERVICES, most, "This application has published as many services as it may. Delete one first"
            )
        most = self.quotas.catalogue
        octets = published.total - (before.size if before is not None else 0)
        grows = before is None or service.size > before.size
        if most and grows and octets + service.size > most:
            raise QuotaExceeded(
                Limit.CATALOGUE,
                most,
                "The services of this application would be larger than they may. Delete one, or publish smaller "
                "specifications",
            )
