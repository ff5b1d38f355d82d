"""A Compass installation that is moved from, as an import reads it."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from connector.domain.compass import CompassEntity, CompassFormation, CompassSystem, CompassTenant
from connector.domain.directory import EntityKind


class Compass(Protocol):
    """A Compass database in one consistent view; nothing is ever written to it.

    Every method raises StorageUnavailable when the database cannot be read. Batches hold some hundred records, so that
    the memory that they take does not grow with the database.
    """

    def count(self) -> int:
        """The number of tenants, formations, applications and runtimes."""

    def tenants(self) -> Iterator[Sequence[CompassTenant]]:
        """The tenants."""

    def systems(self) -> Sequence[CompassSystem]:
        """The integration systems: there are few."""

    def formations(self) -> Iterator[Sequence[CompassFormation]]:
        """The formations."""

    def entities(self, kind: EntityKind) -> Iterator[Sequence[CompassEntity]]:
        """The applications or runtimes, with their labels and system auths."""

    def strays(self) -> Sequence[tuple[str, str]]:
        """The ids of system auths that no application or runtime has, each with the reason."""

    def relations(self) -> int:
        """The number of relations between tenants."""

    def present(self, kind: EntityKind | None, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids that are there: of applications or runtimes, or with None of system auths."""
