"""Tenants, and what each has registered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.certificates import Condition
from connector.domain.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.domain.labels import LabelFilter
from connector.domain.overview import Standings


@dataclass(frozen=True, slots=True)
class EntityFilter:
    """Which entities of a tenant: of that kind, and those that fit every other field that is given.

    ``begins`` is the beginning of the name, in one of its :attr:`spellings`, or a whole id: found in an index. ``text``
    is any part of the name, in any case, or a whole id: every name is looked at. ``condition`` is that at ``now``,
    which is given with it.
    """

    kind: EntityKind
    labels: Sequence[LabelFilter] = ()
    begins: str | None = None
    text: str | None = None
    condition: Condition | None = None
    now: datetime | None = None

    @property
    def spellings(self) -> Sequence[str]:
        """How the beginning may be spelled, in order: as it is given, all small or large, or with large initials."""
        text = self.begins or ""
        return sorted({text, text.lower(), text.upper(), text.capitalize(), text.title()})


class Tenants(Protocol):
    """The tenants."""

    def add(self, tenant: Tenant) -> None:
        """Record a tenant. Raises NotUniqueName when the external id is taken; of two at once, one wins."""

    def find(self, external_id: str) -> Tenant | None:
        """The tenant that a Tenant header names."""

    def of_id(self, id: str) -> Tenant | None:
        """The tenant of that internal id."""

    def profiles(self) -> frozenset[str]:
        """The names of the certificate profiles that were chosen for any tenant, or for any entity of any tenant."""

    def update(self, tenant: Tenant) -> None:
        """Write its name and its default certificate profile. Raises ObjectNotFound when there is no such tenant."""

    def of_entity(self, kind: EntityKind, id: str) -> Tenant | None:
        """The tenant that the entity of that kind and id is in."""

    def of_system_auth(self, id: str) -> Tenant | None:
        """The tenant that the system auth of this id is in."""

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        containing: str = "",
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Tenant]:
        """The tenants by external id: those of ``within`` if it is given, those whose external id or name contains
        the text (ASCII letters in either case), those after ``after``; ``most`` is the largest number returned.
        """

    def count(self, *, within: frozenset[str] | None = None, containing: str = "") -> int:
        """The number of such tenants."""


class Directory(Protocol):
    """One tenant's entities and system auths. Another tenant's are as unknown as those that never were."""

    def add_entity(self, entity: Entity) -> None:
        """Record an entity. Raises NotUniqueName when the tenant has one of that kind and name; one of two wins."""

    def update_entity(self, entity: Entity) -> None:
        """Record the changes of an entity. Raises NotUniqueName as add_entity does, ObjectNotFound when it is gone."""

    def is_free(self, kind: EntityKind, name: str, normalized_name: str | None) -> bool:
        """Whether the tenant has no entity of that kind and name, and none of that normalised name if one is given."""

    def entity(self, kind: EntityKind, id: str) -> Entity | None:
        """The entity of that kind and id."""

    def entity_named(self, kind: EntityKind, name: str) -> Entity | None:
        """The entity of that kind and name."""

    def profile(self, kind: EntityKind, id: str) -> str | None:
        """The certificate profile of the entity of that kind and id: its own, or else its tenant's. None where neither
        was chosen, and where there is no such entity.
        """

    def entities(
        self,
        kind: EntityKind,
        filters: Sequence[LabelFilter] = (),
        *,
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Entity]:
        """The entities of that kind that fit every filter, by name: those after that name, ``most`` at most."""

    def count_entities(self, kind: EntityKind, filters: Sequence[LabelFilter] = ()) -> int:
        """How many fit."""

    def search(
        self, which: EntityFilter, *, newest_first: bool, after: tuple[datetime, str] | str | None = None, most: int
    ) -> Sequence[Entity]:
        """The entities that fit, ``most`` at most: by name, those after that name; or newest first, those after that
        time of registration and id.
        """

    def standings(self, kind: EntityKind, *, now: datetime) -> Standings:
        """How many of that kind there are, and how they stand. It looks at each."""

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """The names of the entities of these ids, where there are such."""

    def remove_entity(self, entity: Entity) -> bool:
        """Remove the entity and its system auths. False when it was gone already.

        Raises ObjectInUse when applications name it as their integration system.
        """

    def add_system_auth(self, auth: SystemAuth) -> None:
        """Record a system auth. Raises ObjectNotFound when its owner is gone."""

    def system_auth(self, id: str) -> SystemAuth | None:
        """The system auth of that id."""

    def system_auths(self, owner_ids: Collection[str], *, most: int | None = None) -> Sequence[SystemAuth]:
        """The system auths of these entities, oldest first, ``most`` at most."""

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        """Remove the system auth. False when it was gone already."""
