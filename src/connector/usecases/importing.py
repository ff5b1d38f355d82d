"""Import: what a Compass installation holds is taken over, batch by batch, as often as wanted.

Each batch is one transaction. It notes with the records that they were taken, so that the next import, or one that goes
on after a cut, takes only what is new; and what was removed here since is not brought back. Nothing is counted before
it is committed.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from connector.domain import compass
from connector.domain import formations as formation_rules
from connector.domain.audit import Action
from connector.domain.certificates import RevocationReason
from connector.domain.compass import CompassEntity, CompassFormation, CompassTenant, Left
from connector.domain.directory import EntityKind, Tenant
from connector.domain.imports import AdoptedIssuer, Kind, Outcome, Report, Taken
from connector.domain.refusals.objects import InvalidData
from connector.domain.tokens import TokenPolicy
from connector.pki.adopted import AdoptedCA
from connector.ports.certificates import CertificateFilter
from connector.ports.compass import Compass
from connector.ports.transaction import Store, Transaction
from connector.usecases import registration
from connector.usecases.import_entities import EntityBatch
from connector.usecases.import_places import Places
from connector.usecases.import_records import KINDS, Batch
from connector.usecases.import_systems import Systems
from connector.usecases.realms import COMMAND, Installation, Realm, realm_of
from connector.usecases.revocation import revoke

REVOCATIONS = 1000
GONE = 1000

Take = Callable[[Transaction, Places, Report], None]
OnProgress = Callable[[str, int], None]
"""Called with what is being imported, and how many more records have been looked at."""


@dataclass(slots=True)
class Import:
    """One run over one Compass database. With ``is_dry`` nothing is written, and the report is the same.

    ``tenants`` are the external ids of those to look at; None for all. ``systems_home`` is that of the tenant where
    integration systems are registered; without it, each is where the first application names it. With ``removes`` a
    system auth that was deleted there after it was taken is deleted here.
    """

    store: Store
    source: Compass
    policy: TokenPolicy
    tenants: Collection[str] | None = None
    systems_home: str | None = None
    is_dry: bool = False
    removes: bool = False
    on_progress: OnProgress = field(default=lambda _what, _number: None)
    report: Report = field(default_factory=Report, init=False)
    places: Places = field(default_factory=Places, init=False)

    async def run(self, ca: AdoptedCA, revocations: Collection[bytes]) -> Report:
        """Take over everything. Revocations come first and the CA last, so that no certificate gets in unjudged.

        Raises:
            InvalidData: the CA cannot be adopted; nothing was done.
            StorageUnavailable: a database cannot be used; committed batches stay.
        """
        await self._do("CA", 0, lambda tx, _places, _report: _check_ca(tx, ca))
        ordered = sorted(revocations)
        for start in range(0, len(ordered), REVOCATIONS):
            await self._do("revocations", 0, self._revoke(ordered[start : start + REVOCATIONS]))
        for tenants in self.source.tenants():
            await self._do("tenants", len(tenants), self._take_tenants(tenants))
        self.places.systems.update({each.id: each for each in self.source.systems()})
        await self._do("integration systems", 0, self._take_systems)
        for formations in self.source.formations():
            await self._do("formations", len(formations), self._take_formations(formations))
        for kind in (EntityKind.RUNTIME, EntityKind.APPLICATION):
            for entities in self.source.entities(kind):
                await self._do(f"{kind.value.lower()}s", len(entities), self._take_entities(entities))
        self._note_what_has_no_place()
        for taken in (Kind.RUNTIME, Kind.APPLICATION, Kind.SYSTEM_AUTH):
            await self._look_for_gone(taken)
        await self._do("CA", 0, self._adopt(ca))
        return self.report

    async def _do(self, what: str, number: int, take: Take) -> None:
        """Do it in one transaction, which may run more than once before it is committed."""

        def work(tx: Transaction) -> tuple[Places, Report]:
            places, report = self.places.draft(), Report()
            take(tx, places, report)
            return places, report

        places, report = await (self.store.read(work) if self.is_dry else self.store.transaction(work))
        self.places.keep(places)
        self.report.absorb(report)
        self.on_progress(what, number)

    def _revoke(self, fingerprints: Sequence[bytes]) -> Take:
        """Honour revocations, of certificates that came in before and of all others from now on."""

        def take(tx: Transaction, _: Places, report: Report) -> None:
            if self.is_dry:
                new: Collection[bytes] = [each for each in fingerprints if tx.imports.revoked_at(each) is None]
            else:
                new = tx.imports.revoke(fingerprints, now=tx.now)
            report.count(Kind.REVOCATION, Outcome.TAKEN, len(new))
            report.count(Kind.REVOCATION, Outcome.KNOWN, len(fingerprints) - len(new))
            for each in new:
                found = tx.inventory.find(each)
                if found is not None and not self.is_dry:
                    which = CertificateFilter(fingerprint=each)
                    revoke(realm_of(tx, found, COMMAND.actor), which, RevocationReason.UNSPECIFIED)

        return take

    def _take_tenants(self, tenants: Sequence[CompassTenant]) -> Take:
        def take(tx: Transaction, places: Places, report: Report) -> None:
            known = tx.imports.taken(Kind.TENANT, [each.id for each in tenants])
            taken = []
            for each in tenants:
                if self.tenants is not None and each.external_id not in self.tenants:
                    places.excluded[each.id] = None
                    continue
                try:
                    made = self._take_tenant(tx, each, report, is_known=each.id in known)
                except Left as left:
                    report.note(Outcome.LEFT, Kind.TENANT, each.id, each.external_id or "", str(left))
                else:
                    places.tenants[each.id] = made
                    taken.append(Taken(Kind.TENANT, each.id, made.id, tx.now))
            if not self.is_dry:
                tx.imports.note(*taken)

        return take

    def _take_tenant(self, tx: Transaction, source: CompassTenant, report: Report, *, is_known: bool) -> Tenant:
        made, changes = compass.tenant(source, now=tx.now)
        installation = Installation(tx, COMMAND)
        found = installation.tenants.find(made.external_id) or installation.tenants.of_id(source.id)
        if found is not None:
            report.count(Kind.TENANT, Outcome.KNOWN)
            if not is_known:
                why = "A tenant of this external id is here: what it owns there goes to that one."
                report.note(Outcome.CHANGED, Kind.TENANT, source.id, made.external_id, why)
            return found
        if not self.is_dry:
            installation.tenants.add(made)
            installation.record(Action.TENANT_CREATED, tenant=made.external_id, reason=made.external_id)
        report.count(Kind.TENANT, Outcome.TAKEN)
        if changes:
            report.note(Outcome.CHANGED, Kind.TENANT, source.id, made.external_id, " ".join(changes))
        return made

    def _take_systems(self, tx: Transaction, places: Places, report: Report) -> None:
        self._systems(Batch(tx, places, report, self.is_dry)).take(list(places.systems.values()))

    def _systems(self, batch: Batch) -> Systems:
        """What places integration systems. Where every tenant is looked at, they may act in every one."""
        return Systems(batch, self._home_of_systems(batch), is_everywhere=self.tenants is None)

    def _home_of_systems(self, batch: Batch) -> Tenant | None:
        if self.systems_home is None:
            return None
        taken = (each for each in batch.places.tenants.values() if each.external_id == self.systems_home)
        found = batch.installation.tenants.find(self.systems_home) or next(taken, None)
        if found is None:
            raise InvalidData(
                "--systems-tenant names a tenant that is neither here nor among those that are taken. Create it first: "
                "connector tenant create"
            )
        return found

    def _take_formations(self, formations: Sequence[CompassFormation]) -> Take:
        def take(tx: Transaction, places: Places, report: Report) -> None:
            known = tx.imports.taken(Kind.FORMATION, [each.id for each in formations])
            taken = []
            for each in formations:
                if each.tenant_id in places.excluded:
                    continue
                try:
                    tenant = self._take_formation(tx, places, each, report, is_known=each.id in known)
                except Left as left:
                    report.note(Outcome.LEFT, Kind.FORMATION, each.id, each.name, str(left))
                else:
                    taken.append(Taken(Kind.FORMATION, each.id, tenant.id, tx.now))
            if not self.is_dry:
                tx.imports.note(*taken)

        return take

    def _take_formation(
        self, tx: Transaction, places: Places, source: CompassFormation, report: Report, *, is_known: bool
    ) -> Tenant:
        tenant = places.tenants.get(source.tenant_id)
        if tenant is None:
            raise Left("Its tenant was left.")
        place = (tenant.id, source.name)
        if place in places.formations:
            raise Left("Its tenant has another of that name.")
        realm = _realm(tx, tenant)
        found = None if realm is None else realm.formations.named(source.name)
        if found is None and is_known:
            raise Left("It was deleted here after it was taken.")
        if found is None:
            try:
                made = formation_rules.create(tenant, source.name, id=UUID(source.id), now=tx.now)
            except InvalidData as refusal:
                raise Left(str(refusal)) from refusal
            if realm is not None and not self.is_dry:
                realm.formations.add(made)
                realm.record(Action.FORMATION_CREATED, made, reason=made.name)
        elif not is_known:
            why = "A formation of this name is here: what is assigned to it there goes to that one."
            report.note(Outcome.CHANGED, Kind.FORMATION, source.id, source.name, why)
        report.count(Kind.FORMATION, Outcome.TAKEN if found is None else Outcome.KNOWN)
        places.formations[place] = None
        return tenant

    def _take_entities(self, entities: Sequence[CompassEntity]) -> Take:
        def take(tx: Transaction, places: Places, report: Report) -> None:
            batch = Batch(tx, places, report, self.is_dry)
            EntityBatch(batch, self.policy, self._systems(batch)).take(entities)

        return take

    def _note_what_has_no_place(self) -> None:
        """Say what is left of the database that belongs to nothing here."""
        report = self.report
        if self.tenants is not None:
            found = {each.external_id for each in self.places.tenants.values()}
            for each in sorted(set(self.tenants) - found):
                report.note(Outcome.LEFT, Kind.TENANT, "", each, "No tenant of this external id was taken.")
            return
        for id_, why in self.source.strays():
            report.note(Outcome.LEFT, Kind.SYSTEM_AUTH, id_, "", why)
        noted = {
            each.id for each in report.notes if (each.outcome, each.kind) == (Outcome.LEFT, Kind.INTEGRATION_SYSTEM)
        }
        for system in self.places.systems.values():
            if system.id not in self.places.homes and system.id not in noted:
                why = "No application names it, so it has no tenant here. Give it one: --systems-tenant ID"
                report.note(Outcome.LEFT, Kind.INTEGRATION_SYSTEM, system.id, system.name, why)
        if number := self.source.relations():
            why = f"{number} relations to parents: a tenant has none here, and sees what it owns."
            report.note(Outcome.LEFT, Kind.TENANT, "", "", why)

    async def _look_for_gone(self, kind: Kind) -> None:
        """Say what was removed there after it was taken: its holders could still get in here."""
        after = ""

        def page(tx: Transaction) -> Sequence[Taken]:
            return tx.imports.all_taken(kind, after=after, most=GONE)

        while taken := await self.store.read(page):
            after = taken[-1].id
            there = self.source.present(_ENTITIES.get(kind), [each.id for each in taken])
            missing = [each for each in taken if each.id not in there]
            if missing:
                await self._do("what is gone", 0, self._note_gone(missing))

    def _note_gone(self, missing: Sequence[Taken]) -> Take:
        def take(tx: Transaction, _: Places, report: Report) -> None:
            for each in missing:
                tenant = Installation(tx, COMMAND).tenants.of_id(each.tenant_id)
                if tenant is None or (self.tenants is not None and tenant.external_id not in self.tenants):
                    continue
                realm = Installation(tx, COMMAND).enter(tenant.external_id)
                name = self._end_gone(realm, each) if each.kind is Kind.SYSTEM_AUTH else _name(realm, each)
                if name is not None:
                    is_removed = each.kind is Kind.SYSTEM_AUTH and self.removes
                    why = "It was removed there after it was taken" + (
                        ", and is deleted here as well." if is_removed else ". Remove it here as well."
                    )
                    report.note(Outcome.GONE, each.kind, each.id, name, why)

        return take

    def _end_gone(self, realm: Realm, taken: Taken) -> str | None:
        """The name of the system auth's owner, if it is still here; with ``removes`` the system auth is deleted."""
        auth = realm.directory.system_auth(taken.id)
        if auth is None:
            return None
        name = realm.directory.names([auth.owner_id]).get(auth.owner_id, "")
        if self.removes and not self.is_dry:
            registration.delete_system_auth(realm, auth.owner_kind, auth.id)
        return name

    def _adopt(self, ca: AdoptedCA) -> Take:
        """Let the CA's certificates authenticate their holders from now on."""

        def take(tx: Transaction, _: Places, report: Report) -> None:
            issuer = AdoptedIssuer(ca.fingerprint, ca.der, ca.certificate.not_valid_after_utc, tx.now)
            name = ca.certificate.subject.rfc4514_string()
            found = next((each for each in tx.imports.issuers() if each.fingerprint == issuer.fingerprint), None)
            if found is not None and found.ended_at is not None:
                report.note(Outcome.LEFT, Kind.ISSUER, issuer.fingerprint.hex(), name, "It was ended here.")
                return
            report.count(Kind.ISSUER, Outcome.TAKEN if found is None else Outcome.KNOWN)
            if found is None and not self.is_dry:
                tx.imports.adopt(issuer)
                Installation(tx, COMMAND).record(Action.ISSUER_ADOPTED, tenant=None, reason=issuer.fingerprint.hex())

        return take


def _check_ca(tx: Transaction, ca: AdoptedCA) -> None:
    """Return if the CA may be adopted.

    Raises:
        InvalidData: it has expired, or is one of ours.
    """
    if ca.certificate.not_valid_after_utc < tx.now:
        raise InvalidData(
            f"The old CA expired at {ca.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and so has every "
            "certificate of it. Enroll the systems anew."
        )
    ours = [*(each.der for each in tx.issuers.list()), *(each.der for each in tx.anchors.list())]
    if any(ca.has_key_of(each) for each in ours):
        raise InvalidData("The old CA has the key of a CA of this installation. Name the directory of the old one.")


_ENTITIES = {kind: entity for entity, kind in KINDS.items()}


def _realm(tx: Transaction, tenant: Tenant) -> Realm | None:
    """The tenant's realm; None where a dry run would have made the tenant."""
    installation = Installation(tx, COMMAND)
    return None if installation.tenants.of_id(tenant.id) is None else installation.enter(tenant.external_id)


def _name(realm: Realm, taken: Taken) -> str | None:
    found = realm.directory.entity(_ENTITIES[taken.kind], taken.id)
    return None if found is None else found.name
