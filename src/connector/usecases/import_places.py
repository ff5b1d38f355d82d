"""The findings of an import that later records need: tenants, formations, names."""

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Self

from connector.domain.compass import CompassSystem
from connector.domain.directory import Entity, Tenant

# Enough to tell all names of an installation apart.
_DIGEST_OCTETS = 12


@dataclass(slots=True)
class Places:
    """Where things are: there, by their ids and names, and here.

    ``tenants`` are ours by the ids there, ``excluded`` the ids of those that are not asked for. ``systems`` are the
    integration systems there; ``placed`` says under which id each is known in a tenant, ``homes`` in which tenant here
    each is registered. ``formations`` are known by tenant and name, and ``eventing`` is a runtime of each. ``names``
    are digests of those that a dry run has given away.
    """

    tenants: MutableMapping[str, Tenant] = field(default_factory=dict)
    excluded: MutableMapping[str, None] = field(default_factory=dict)
    systems: MutableMapping[str, CompassSystem] = field(default_factory=dict)
    placed: MutableMapping[tuple[str, str], str] = field(default_factory=dict)
    homes: MutableMapping[str, Tenant] = field(default_factory=dict)
    formations: MutableMapping[tuple[str, str], None] = field(default_factory=dict)
    eventing: MutableMapping[tuple[str, str], str] = field(default_factory=dict)
    names: MutableMapping[bytes, None] = field(default_factory=dict)

    def draft(self) -> Self:
        """A view to work with in one transaction, which may be undone, and run again."""
        return type(self)(*(ChainMap({}, getattr(self, each.name)) for each in fields(self)))

    def keep(self, draft: Self) -> None:
        """Take over what a draft has found out; its transaction is committed."""
        for each in fields(self):
            new: Mapping[object, object] = getattr(draft, each.name).maps[0]
            getattr(self, each.name).update(new)

    def give_name(self, entity: Entity) -> None:
        """Note that the entity has its name, where nothing is written that would hold it."""
        self.names.update(dict.fromkeys(_digests(entity)))

    def is_given(self, entity: Entity) -> bool:
        """Whether another entity was given its name, or one that normalises to the same."""
        return any(each in self.names for each in _digests(entity))


def _digests(entity: Entity) -> list[bytes]:
    names = [("name", entity.name)] + ([("normalized", entity.normalized_name)] if entity.normalized_name else [])
    return [
        sha256(repr((entity.tenant_id, entity.kind.value, what, name)).encode()).digest()[:_DIGEST_OCTETS]
        for what, name in names
    ]
