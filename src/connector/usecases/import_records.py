"""What imports of any kind of record share: one transaction's work, under free names, noted and counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from connector.domain import compass
from connector.domain.audit import Action
from connector.domain.compass import CompassEntity, CompassSystem, Left
from connector.domain.directory import Entity, EntityKind, Tenant
from connector.domain.imports import Kind, Outcome, Report, Taken
from connector.ports.transaction import Transaction
from connector.usecases.import_places import Places
from connector.usecases.realms import COMMAND, Installation, Realm

KINDS = {
    EntityKind.APPLICATION: Kind.APPLICATION,
    EntityKind.RUNTIME: Kind.RUNTIME,
    EntityKind.INTEGRATION_SYSTEM: Kind.INTEGRATION_SYSTEM,
}


@dataclass(frozen=True, slots=True)
class Home:
    """Where an entity belongs: its tenant there and here, and the tenant's realm, unless a dry run would make it."""

    there: str
    tenant: Tenant
    realm: Realm | None


@dataclass(slots=True)
class Batch:
    """Some records in one transaction. In a dry run everything is decided alike, and nothing is written."""

    tx: Transaction
    places: Places
    report: Report
    is_dry: bool
    _taken: list[Taken] = field(default_factory=list, init=False)

    @property
    def installation(self) -> Installation:
        """Everything outside of tenants."""
        return Installation(self.tx, COMMAND)

    def realm(self, tenant: Tenant) -> Realm | None:
        """The tenant's realm; None where a dry run would have made the tenant."""
        found = self.installation.tenants.of_id(tenant.id)
        return None if found is None else self.installation.enter(found.external_id)

    def taken(self, kind: Kind, ids: Collection[str]) -> frozenset[str]:
        """Which of these were taken before."""
        return self.tx.imports.taken(kind, ids)

    def named(
        self, source: CompassEntity | CompassSystem, kind: EntityKind, home: Home, *, id: str
    ) -> tuple[Entity, Sequence[str]]:
        """The entity under the first of its names that is free, and what was changed.

        Raises:
            Left: none is.
        """
        for name in compass.names(source, kind):
            entity, changes = compass.entity(source, kind, home.tenant, id=id, name=name, now=self.tx.now)
            if self._is_free(entity, home):
                renamed = (
                    [] if name == source.name else [f"It is named {name} here: its name is taken, or may be none."]
                )
                return entity, [*renamed, *changes]
        raise Left("Its name is taken, and so is the name that was derived from it.")

    def _is_free(self, entity: Entity, home: Home) -> bool:
        if self.is_dry and self.places.is_given(entity):
            return False
        realm = home.realm
        return realm is None or realm.directory.is_free(entity.kind, entity.name, entity.normalized_name)

    def add(self, entity: Entity, home: Home) -> None:
        """Record the entity."""
        if self.is_dry or home.realm is None:
            self.places.give_name(entity)
            return
        home.realm.directory.add_entity(entity)
        home.realm.record(Action.ENTITY_REGISTERED, entity, reason=entity.name)

    def done(self, kind: Kind, id: str, name: str, home: Home, changes: Sequence[str] = ()) -> None:
        """Note and count that the record was taken, and say what was changed."""
        self._taken.append(Taken(kind, id, home.tenant.id, self.tx.now))
        self.report.count(kind, Outcome.TAKEN)
        if changes:
            self.report.note(Outcome.CHANGED, kind, id, name, " ".join(changes))

    def finish(self) -> None:
        """Write the notes."""
        if not self.is_dry:
            self.tx.imports.note(*self._taken)
