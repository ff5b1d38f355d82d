"""Import of applications and runtimes, with what hangs on each: labels, assignments, system auths and tokens."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from connector.domain import compass, directory
from connector.domain import formations as formation_rules
from connector.domain.audit import Action
from connector.domain.compass import CompassAuth, CompassEntity, CompassToken, Left
from connector.domain.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.domain.imports import Kind, Outcome, Report, Taken
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.tokens import TokenPolicy, TokenState
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.usecases import formations
from connector.usecases.import_places import Places
from connector.usecases.realms import COMMAND, Installation, Realm
from connector.usecases.revocation import withdraw

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
class EntityBatch:
    """Takes some entities in one transaction. In a dry run it decides alike, and writes nothing."""

    tx: Transaction
    places: Places
    report: Report
    policy: TokenPolicy
    is_dry: bool
    _known: dict[Kind, frozenset[str]] = field(default_factory=dict, init=False)
    _taken: list[Taken] = field(default_factory=list, init=False)

    def take(self, entities: Sequence[CompassEntity]) -> None:
        """Take those that are new, and what is new of the others."""
        for kind in (EntityKind.RUNTIME, EntityKind.APPLICATION):
            self._look_up(KINDS[kind], [each.id for each in entities if each.kind is kind])
        self._look_up(Kind.SYSTEM_AUTH, [auth.id for each in entities for auth in each.auths])
        for each in entities:
            try:
                self._take(each)
            except (Left, InvalidData) as left:
                self.report.note(Outcome.LEFT, KINDS[each.kind], each.id, each.name, str(left))
        if not self.is_dry:
            self.tx.imports.note(*self._taken)

    def _look_up(self, kind: Kind, ids: Collection[str]) -> None:
        tx = self.tx
        self._known[kind] = tx.imports.taken(kind, ids)

    def _take(self, source: CompassEntity) -> None:
        there = compass.owner(source)
        if there in self.places.excluded:
            return
        tenant = self.places.tenants.get(there)
        if tenant is None:
            raise Left("Its tenant was left.")
        home = Home(there, tenant, self._realm(tenant))
        names, left = compass.scenarios(source, there)
        for why in left:
            self.report.note(Outcome.LEFT, Kind.ASSIGNMENT, source.id, source.name, why)
        is_known = source.id in self._known[KINDS[source.kind]]
        entity = self._found(source, home) if is_known else self._new(source, home, names)
        self._look_up(Kind.ASSIGNMENT, [_assignment(source, name) for name in names])
        for name in names:
            self._assign(entity, home, name, source, is_known=is_known)
        for auth in source.auths:
            try:
                self._take_auth(auth, entity, home)
            except Left as why_not:
                self.report.note(Outcome.LEFT, Kind.SYSTEM_AUTH, auth.id, source.name, str(why_not))

    def _realm(self, tenant: Tenant) -> Realm | None:
        installation = Installation(self.tx, COMMAND)
        found = installation.tenants.of_id(tenant.id)
        return None if found is None else installation.enter(found.external_id)

    def _found(self, source: CompassEntity, home: Home) -> Entity:
        found = home.realm.directory.entity(source.kind, source.id) if home.realm is not None else None
        if found is None:
            raise Left("It was removed here after it was taken.")
        self.report.count(KINDS[source.kind], Outcome.KNOWN)
        return found

    def _new(self, source: CompassEntity, home: Home, names: Sequence[str]) -> Entity:
        kind = source.kind
        entity, changes = self._named(source, kind, home, id=source.id)
        kept, left = compass.read_labels(source, home.there, entity.labels)
        for key, why in left:
            self.report.note(Outcome.LEFT, Kind.LABEL, source.id, key, why)
        entity = replace(entity, labels={**entity.labels, **kept})
        if kind is EntityKind.APPLICATION:
            system, about_system = self._system(source.integration_system_id, home)
            changes = [*changes, *about_system]
            updated = directory.update_entity(entity, {"integration_system_id": system}, now=self.tx.now)
            shared = [self.places.eventing.get((home.tenant.id, name)) for name in names]
            chosen = next((each for each in shared if each is not None), None)
            entity = replace(updated, updated_at=entity.updated_at, eventing_runtime_id=chosen)
        self._add(entity, home)
        self._done(KINDS[kind], source.id, source.name, home, changes)
        self.report.count(Kind.LABEL, Outcome.TAKEN, len(kept))
        return entity

    def _named(
        self, source: CompassEntity | compass.CompassSystem, kind: EntityKind, home: Home, *, id: str
    ) -> tuple[Entity, Sequence[str]]:
        """The entity under the first of its names that is free."""
        for name in compass.names(source, kind):
            entity, changes = compass.entity(source, kind, home.tenant, id=id, name=name, now=self.tx.now)
            if self._is_free(entity, home):
                renamed = (
                    [] if name == source.name else [f"It is named {name} here: its name is taken, or may be none."]
                )
                return entity, [*renamed, *changes]
        raise Left("Its name is taken, and so is the one that was made of it.")

    def _is_free(self, entity: Entity, home: Home) -> bool:
        if self.is_dry and self.places.is_given(entity):
            return False
        realm = home.realm
        return realm is None or realm.directory.is_free(entity.kind, entity.name, entity.normalized_name)

    def _add(self, entity: Entity, home: Home) -> None:
        if self.is_dry or home.realm is None:
            self.places.give_name(entity)
            return
        home.realm.directory.add_entity(entity)
        home.realm.record(Action.ENTITY_REGISTERED, entity, reason=entity.name)

    def _done(self, kind: Kind, id: str, name: str, home: Home, changes: Sequence[str] = ()) -> None:
        self._taken.append(Taken(kind, id, home.tenant.id, self.tx.now))
        self.report.count(kind, Outcome.TAKEN)
        if changes:
            self.report.note(Outcome.CHANGED, kind, id, name, " ".join(changes))

    def _system(self, id: str | None, home: Home) -> tuple[str | None, Sequence[str]]:
        """The integration system in the tenant, and what was changed about it.

        There it belongs to no tenant, here to one. So the first tenant whose application names it has it under its own
        id, and every other one another record of it.
        """
        source = None if id is None else self.places.systems.get(id)
        if id is None or source is None:
            return None, [] if id is None else ["Its integration system is not there, and left out."]
        place = (id, home.tenant.id)
        if place in self.places.placed:
            return self.places.placed[place], []
        another = str(uuid5(UUID(id), home.tenant.id))
        for each in (id, another):
            if home.realm is not None and home.realm.directory.entity(EntityKind.INTEGRATION_SYSTEM, each) is not None:
                self._place(place, each)
                self.report.count(Kind.INTEGRATION_SYSTEM, Outcome.KNOWN)
                return each, []
        self._look_up(Kind.INTEGRATION_SYSTEM, [id, another])
        known = self._known[Kind.INTEGRATION_SYSTEM]
        own = another if id in known or id in self.places.homes else id
        if own in known:
            return None, ["Its integration system was removed here, and is left out."]
        try:
            entity, changes = self._named(source, EntityKind.INTEGRATION_SYSTEM, home, id=own)
        except Left as left:
            return None, [f"Its integration system is left out: {left}"]
        self._add(entity, home)
        if own != id:
            changes = [*changes, f"One more record of it, {own}, for the tenant {home.tenant.external_id}."]
        self._done(Kind.INTEGRATION_SYSTEM, own, source.name, home, changes)
        self._place(place, own)
        return own, []

    def _place(self, place: tuple[str, str], id: str) -> None:
        self.places.placed[place] = id
        self.places.homes[place[0]] = None

    def _assign(self, entity: Entity, home: Home, name: str, source: CompassEntity, *, is_known: bool) -> None:
        key, place = _assignment(source, name), (home.tenant.id, name)
        if place not in self.places.formations:
            why = f"There is no formation {name!r} in its tenant."
            self.report.note(Outcome.LEFT, Kind.ASSIGNMENT, source.id, source.name, why)
            return
        if entity.kind is EntityKind.RUNTIME:
            self.places.eventing.setdefault(place, entity.id)
        if key in self._known[Kind.ASSIGNMENT]:
            self.report.count(Kind.ASSIGNMENT, Outcome.KNOWN)
            return
        if not self.is_dry and home.realm is not None:
            try:
                _assign(home.realm, entity, name, settles=is_known or entity.kind is EntityKind.RUNTIME)
            except (InvalidData, ObjectNotFound) as refusal:
                self.report.note(Outcome.LEFT, Kind.ASSIGNMENT, source.id, source.name, str(refusal))
                return
        self._done(Kind.ASSIGNMENT, key, source.name, home)

    def _take_auth(self, source: CompassAuth, entity: Entity, home: Home) -> None:
        token = compass.read_auth(source)
        realm = home.realm
        if source.id in self._known[Kind.SYSTEM_AUTH]:
            auth = realm.directory.system_auth(source.id) if realm is not None else None
            if auth is None:
                raise Left("It was deleted here after it was taken.")
            self.report.count(Kind.SYSTEM_AUTH, Outcome.KNOWN)
        else:
            auth = SystemAuth(source.id, home.tenant.id, entity.id, entity.kind, self.tx.now)
            self._check_new(auth)
            if not self.is_dry and realm is not None:
                realm.directory.add_system_auth(auth)
            moved = [] if source.tenant_id == home.there else ["It is its owner's tenant's here, and another's there."]
            self._done(Kind.SYSTEM_AUTH, auth.id, entity.name, home, moved)
        if token is not None:
            self._take_token(token, auth, home)

    def _check_new(self, auth: SystemAuth) -> None:
        try:
            Installation(self.tx, COMMAND).enter_by_auth(auth.id)
        except ObjectNotFound:
            return
        raise Left("A system auth of this id is here, and was not taken from there.")

    def _take_token(self, token: CompassToken, auth: SystemAuth, home: Home) -> None:
        realm, tx = home.realm, self.tx
        found = None if token.digest is None else tx.tokens.find(token.digest)
        if found is not None:
            self.report.count(Kind.TOKEN, Outcome.KNOWN)
            if token.is_used and found.state(now=tx.now) is TokenState.MINTED:
                if not self.is_dry and realm is not None:
                    withdraw(realm, TokenFilter(id=found.id))
                why = "It was used there after it was taken, and is withdrawn here."
                self.report.note(Outcome.CHANGED, Kind.TOKEN, found.id, "", why)
            return
        pending = token.pending(auth, id=tx.new_id(), by=COMMAND.actor, policy=self.policy, now=tx.now)
        if pending is None:
            self.report.count(Kind.TOKEN, Outcome.LEFT)
            return
        if not self.is_dry and realm is not None:
            realm.tokens.add(pending)
            realm.record(Action.TOKEN_MINTED, pending)
        self.report.count(Kind.TOKEN, Outcome.TAKEN)


def _assign(realm: Realm, entity: Entity, name: str, *, settles: bool) -> None:
    """Assign the entity; where it ``settles``, the eventing of the applications concerned is chosen anew.

    A new application has been given its runtime before, so that not every one looks at all others of its formation.
    """
    if settles:
        formations.assign(realm, name, entity.kind, entity.id)
        return
    formation, others = formations.named(realm, name), realm.formations.of_object(entity.id)
    if realm.formations.assign(formation_rules.assign(formation, entity, others, now=realm.now)):
        realm.record(Action.FORMATION_ASSIGNED, entity, reason=formation.name)


def _assignment(source: CompassEntity, name: str) -> str:
    return f"{source.id}/{name}"
