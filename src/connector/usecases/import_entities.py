"""Import of applications and runtimes, with what hangs on each: labels, assignments, system auths and tokens."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from connector.domain import compass, directory
from connector.domain import formations as formation_rules
from connector.domain.audit import Action
from connector.domain.compass import CompassAuth, CompassEntity, CompassToken, Left
from connector.domain.directory import Entity, EntityKind, SystemAuth
from connector.domain.imports import Kind, Outcome, Report
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.tokens import TokenPolicy, TokenState
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.usecases import formations
from connector.usecases.import_places import Places
from connector.usecases.import_records import KINDS, Batch, Home
from connector.usecases.import_systems import Systems
from connector.usecases.realms import COMMAND, Installation, Realm
from connector.usecases.revocation import withdraw


@dataclass(slots=True)
class EntityBatch:
    """Takes some entities in one transaction."""

    batch: Batch
    policy: TokenPolicy
    systems: Systems
    _known: dict[Kind, frozenset[str]] = field(default_factory=dict, init=False)

    @property
    def tx(self) -> Transaction:
        """The transaction."""
        return self.batch.tx

    @property
    def places(self) -> Places:
        """Where things are."""
        return self.batch.places

    @property
    def report(self) -> Report:
        """What becomes of them."""
        return self.batch.report

    @property
    def is_dry(self) -> bool:
        """Whether nothing is written."""
        return self.batch.is_dry

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
        self.batch.finish()

    def _look_up(self, kind: Kind, ids: Collection[str]) -> None:
        self._known[kind] = self.batch.taken(kind, ids)

    def _take(self, source: CompassEntity) -> None:
        there = compass.owner(source)
        if there in self.places.excluded:
            return
        tenant = self.places.tenants.get(there)
        if tenant is None:
            raise Left("Its tenant was left.")
        home = Home(there, tenant, self.batch.realm(tenant))
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

    def _found(self, source: CompassEntity, home: Home) -> Entity:
        found = home.realm.directory.entity(source.kind, source.id) if home.realm is not None else None
        if found is None:
            raise Left("It was removed here after it was taken.")
        self.report.count(KINDS[source.kind], Outcome.KNOWN)
        return found

    def _new(self, source: CompassEntity, home: Home, names: Sequence[str]) -> Entity:
        kind = source.kind
        entity, changes = self.batch.named(source, kind, home, id=source.id)
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
        self.batch.add(entity, home)
        self.batch.done(KINDS[kind], source.id, source.name, home, changes)
        self.report.count(Kind.LABEL, Outcome.TAKEN, len(kept))
        return entity

    def _system(self, id: str | None, home: Home) -> tuple[str | None, Sequence[str]]:
        """The integration system for an application of the tenant, and what was changed about it."""
        source = None if id is None else self.places.systems.get(id)
        if id is None or source is None:
            return None, [] if id is None else ["Its integration system is not there, and left out."]
        try:
            return self.systems.place(source, home), []
        except (Left, InvalidData) as left:
            return None, [f"Its integration system is left out: {left}"]

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
        self.batch.done(Kind.ASSIGNMENT, key, source.name, home)

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
            self.batch.done(Kind.SYSTEM_AUTH, auth.id, entity.name, home, moved)
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
