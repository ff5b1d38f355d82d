"""Import of integration systems.

There they belong to no tenant, and act in every one. Here each is registered in one, and its permissions say where
else it may act. Their credentials are not taken, so nobody acts with a permission before an administrator with a right
to all these tenants has requested new ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from connector.domain.compass import CompassSystem, Left
from connector.domain.directory import EntityKind, Tenant
from connector.domain.imports import Kind, Outcome
from connector.domain.refusals.objects import ObjectNotFound
from connector.usecases.import_records import Batch, Home
from connector.usecases.permissions import permit

SYSTEM = EntityKind.INTEGRATION_SYSTEM

_EVERY = "*"

_EVERYWHERE = (
    "It may act in every tenant, as there. To narrow that, see: connector integration-system permissions, and forbid."
)


@dataclass(slots=True)
class Systems:
    """Places integration systems.

    ``home`` is the tenant where they are registered; without one, each is where the first application names it. With
    ``is_everywhere`` a new one may act in every tenant; else where applications name it.
    """

    batch: Batch
    home: Tenant | None
    is_everywhere: bool

    def take(self, systems: Sequence[CompassSystem]) -> None:
        """Find those that were taken before, and register the others in their home, if they have one."""
        home = None if self.home is None else Home("", self.home, self.batch.realm(self.home))
        for each in systems:
            try:
                if self._found(each) is None and home is not None:
                    self._register(each, home)
            except Left as left:
                self.batch.report.note(Outcome.LEFT, Kind.INTEGRATION_SYSTEM, each.id, each.name, str(left))
        self.batch.finish()

    def place(self, source: CompassSystem, asking: Home) -> str:
        """The id of the integration system for an application of that tenant, where it may act from now on.

        Raises:
            Left: it was removed here, its name is taken, or its permission was withdrawn here.
            InvalidData: it has too many permissions.
        """
        place = (source.id, asking.tenant.id)
        placed = self.batch.places.placed
        if place not in placed:
            placed[place] = self._copied(source, asking) or self._placed(source, asking)
        return placed[place]

    def _copied(self, source: CompassSystem, asking: Home) -> str | None:
        """The id of the tenant's own record of it, which imports made before there were permissions."""
        id_ = str(uuid5(UUID(source.id), asking.tenant.id))
        if asking.realm is None or asking.realm.directory.entity(SYSTEM, id_) is None:
            return None
        self.batch.report.count(Kind.INTEGRATION_SYSTEM, Outcome.KNOWN)
        self.batch.places.homes.setdefault(source.id, asking.tenant)
        return id_

    def _placed(self, source: CompassSystem, asking: Home) -> str:
        home = self._found(source) or self._register(source, asking)
        if home.id != asking.tenant.id:
            self._permit(source, asking)
        return source.id

    def _found(self, source: CompassSystem) -> Tenant | None:
        """The tenant where it is registered; None where it is new.

        Raises:
            Left: it was removed here, or another is here under its id.
        """
        batch, homes = self.batch, self.batch.places.homes
        if source.id in homes:
            return homes[source.id]
        is_known = bool(batch.taken(Kind.INTEGRATION_SYSTEM, [source.id]))
        try:
            realm, _ = batch.installation.integration_system(source.id)
        except ObjectNotFound:
            if is_known:
                raise Left("It was removed here after it was taken.") from None
            return None
        if not is_known:
            raise Left("An integration system of this id is here, and was not taken from there.")
        batch.report.count(Kind.INTEGRATION_SYSTEM, Outcome.KNOWN)
        homes[source.id] = realm.tenant
        return realm.tenant

    def _register(self, source: CompassSystem, home: Home) -> Tenant:
        batch = self.batch
        entity, changes = batch.named(source, SYSTEM, home, id=source.id)
        batch.add(entity, home)
        batch.places.homes[source.id] = home.tenant
        if self.is_everywhere:
            self._permit(source, home, is_every=True)
            changes = [*changes, _EVERYWHERE]
        batch.done(Kind.INTEGRATION_SYSTEM, source.id, source.name, home, changes)
        return home.tenant

    def _permit(self, source: CompassSystem, where: Home, *, is_every: bool = False) -> None:
        """Let it act in the tenant, or in every one. A permission that was withdrawn here is not given again.

        Raises:
            Left: it was withdrawn.
            InvalidData: it has too many permissions.
        """
        batch, everywhere = self.batch, (source.id, _EVERY)
        is_there = where.realm is not None and where.realm.permissions.permits(source.id)
        if everywhere in batch.places.placed or is_there:
            return
        key = f"{source.id}/{_EVERY if is_every else where.tenant.id}"
        if batch.taken(Kind.PERMISSION, [key]):
            raise Left("Its permission was withdrawn here after it was taken.")
        if is_every:
            batch.places.placed[everywhere] = source.id
        if not batch.is_dry:
            tenant = None if is_every else where.tenant.external_id
            permit(batch.installation, source.id, tenant=tenant, every_tenant=is_every)
        batch.done(Kind.PERMISSION, key, source.name, where)
