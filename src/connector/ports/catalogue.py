"""The services that a tenant's applications have published."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.catalogue import Service, Size, Texts


class Catalogue(Protocol):
    """One tenant's services. Another tenant's do not exist here. They end with their application."""

    def add(self, service: Service, texts: Texts) -> None:
        """Record a service. Raises NotUniqueName when its application has one with that identifier."""

    def find(self, application_id: str, id: str) -> Service | None:
        """The application's service of that id."""

    def replace(self, service: Service, texts: Texts) -> None:
        """Record what a service is now. Raises ObjectNotFound when it is gone, and NotUniqueName as :meth:`add`."""

    def remove(self, service: Service) -> bool:
        """Remove a service. False when it did not exist."""

    def of(self, application_ids: Collection[str]) -> Sequence[Service]:
        """The services of these applications, the oldest first."""

    def page(self, application_id: str, *, after: tuple[datetime, str] | None, most: int) -> Sequence[Service]:
        """The services of one application, the oldest first: those after that time and id, ``most`` at most."""

    def texts(self, application_ids: Collection[str]) -> Mapping[str, Texts]:
        """The long texts of the services of these applications, by the ids of the services."""

    def texts_of(self, service: Service) -> Texts:
        """The long texts of one service. Raises ObjectNotFound when it is gone."""

    def size(self, application_ids: Collection[str]) -> Size:
        """How much these applications have published together."""
