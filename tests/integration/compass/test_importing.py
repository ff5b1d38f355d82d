"""Import from a Compass database into a store: what is taken, changed, left, and why."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.compass import CompassDatabase, OldCA, compass_database, make_token, token_value
from tests.support.postgres import Postgres

from connector.compass import open_database
from connector.domain import compass
from connector.domain.compass import CompassSystem
from connector.domain.directory import Entity, EntityKind
from connector.domain.imports import Kind, Note, Outcome, Report
from connector.domain.permissions import Permitted
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.storage import StorageUnavailable
from connector.domain.tokens import TokenPolicy, TokenState, TokenType, digest
from connector.pki.adopted import AdoptedCA
from connector.ports.permissions import PermissionFilter
from connector.ports.transaction import Store, Transaction
from connector.storage import open_sqlite
from connector.storage.postgresql.store import open_postgresql
from connector.usecases import registration
from connector.usecases.importing import Import
from connector.usecases.permissions import withdraw_permission
from connector.usecases.realms import COMMAND, Installation, Realm

T = TypeVar("T")
APPLICATION, RUNTIME, SYSTEM = EntityKind.APPLICATION, EntityKind.RUNTIME, EntityKind.INTEGRATION_SYSTEM
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = dict.fromkeys(TokenType, timedelta(minutes=5))
POLICY = TokenPolicy(MINUTES, dict.fromkeys(TokenType, timedelta(days=1)), timedelta(minutes=5), 20)


@pytest.fixture(scope="module")
def old() -> OldCA:
    return OldCA()


@pytest.fixture(scope="module")
def compass_server(postgresql: Postgres) -> Postgres:
    return postgresql


@pytest.fixture
def there(compass_server: Postgres) -> Iterator[CompassDatabase]:
    with compass_database(compass_server) as made:
        yield made


@dataclass
class Here:
    """A store that is imported into."""

    store: Store
    old: OldCA

    def take(self, there: CompassDatabase, revocations: Sequence[bytes] = (), **options: object) -> Report:
        async def run() -> Report:
            with open_database(there.url) as source:
                made = Import(self.store, source, POLICY, **options)  # type: ignore[arg-type]
                return await made.run(AdoptedCA(self.old.certificate), revocations)

        return asyncio.run(run())

    def read(self, function: Callable[[Transaction], T]) -> T:
        return asyncio.run(self.store.read(function))

    def write(self, function: Callable[[Realm], T], tenant: str) -> T:
        return asyncio.run(self.store.transaction(lambda tx: function(Installation(tx, COMMAND).enter(tenant))))

    def installed(self, function: Callable[[Installation], T]) -> T:
        return asyncio.run(self.store.transaction(lambda tx: function(Installation(tx, COMMAND))))

    def permissions(self) -> Sequence[Permitted]:
        return self.installed(lambda installation: installation.permissions.list(PermissionFilter()))

    def inside(self, function: Callable[[Realm], T], tenant: str) -> T:
        return self.read(lambda tx: function(Installation(tx, COMMAND).enter(tenant)))

    def entity(self, kind: EntityKind, id_: str, tenant: str = "acme") -> Entity:
        found = self.inside(lambda realm: realm.directory.entity(kind, id_), tenant)
        assert found is not None
        return found


@pytest.fixture
def here(tmp_path: Path, old: OldCA) -> Iterator[Here]:
    store = open_sqlite(tmp_path / "connector.db")
    yield Here(store, old)
    asyncio.run(store.close())


def numbers(report: Report, outcome: Outcome) -> dict[Kind, int]:
    return {kind: number for (kind, found), number in report.counts.items() if found is outcome and number}


def notes(report: Report, outcome: Outcome, kind: Kind) -> list[Note]:
    return [each for each in report.notes if each.outcome is outcome and each.kind is kind]


def test_everything_comes_with_its_ids(here: Here, there: CompassDatabase) -> None:
    """Tenants, applications, runtimes, labels, formations with assignments, system auths and pending tokens are here
    under their ids, the token by its digest alone; the CA is adopted, and the revocations are known.
    """
    acme = there.tenant("acme", created_at="2023-05-06 07:08:09.5")
    text = make_token()
    application = there.application(
        acme,
        "Billing",
        description="Bills",
        provider_name="ACME",
        base_url="https://billing.example",
        system_number="17",
        created_at="2024-01-02 03:04:05",
    )
    runtime = there.runtime(acme, "cluster-1")
    there.label("name", "mp-billing", app_id=application)
    there.label("teams", ["blue", {"deep": 1}], app_id=application)
    there.label("runtime_eventServiceUrl", "https://events.example", runtime_id=runtime)
    formation = there.formation(acme, "production")
    there.label("scenarios", ["production"], app_id=application, tenant_id=acme)
    there.label("scenarios", ["production"], runtime_id=runtime, tenant_id=acme)
    auth = there.auth(acme, token_value(text), app_id=application)
    other = there.auth(acme, {"CertCommonName": "x"}, runtime_id=runtime)

    report = here.take(there, [b"\1" * 32])

    assert report.notes == []
    assert numbers(report, Outcome.TAKEN) == {
        Kind.ISSUER: 1, Kind.REVOCATION: 1, Kind.TENANT: 1, Kind.FORMATION: 1, Kind.RUNTIME: 1, Kind.APPLICATION: 1,
        Kind.LABEL: 3, Kind.ASSIGNMENT: 2, Kind.SYSTEM_AUTH: 2, Kind.TOKEN: 1,
    }  # fmt: skip
    tenant = here.read(lambda tx: tx.tenants.find("acme"))
    assert tenant is not None
    assert (tenant.id, tenant.created_at) == (acme, datetime(2023, 5, 6, 7, 8, 9, 500000, tzinfo=UTC))
    found = here.entity(APPLICATION, application)
    assert (found.name, found.description, found.provider_name) == ("Billing", "Bills", "ACME")
    assert found.details == {"baseUrl": "https://billing.example", "systemNumber": "17"}
    assert found.created_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.labels["teams"] == ["blue", {"deep": 1}]
    assert "scenarios" not in found.labels
    assert found.eventing_runtime_id == runtime
    assert here.entity(RUNTIME, runtime).labels["runtime_eventServiceUrl"] == "https://events.example"
    assert here.inside(lambda realm: [each.id for each in realm.formations.of_object(application)], "acme") == [
        formation
    ]
    assert here.inside(lambda realm: realm.formations.shares(application, RUNTIME), "acme")
    for id_, owner in ((auth, application), (other, runtime)):
        held = here.inside(lambda realm, id_=id_: realm.directory.system_auth(id_), "acme")
        assert held is not None
        assert held.owner_id == owner
    token = here.read(lambda tx: tx.tokens.find(digest(text)))
    assert token is not None
    assert (token.system_auth_id, token.state(now=datetime.now(UTC))) == (auth, TokenState.MINTED)
    assert [each.der for each in here.read(lambda tx: tx.imports.issuers())] == [
        here.old.certificate.public_bytes(Encoding.DER)
    ]
    assert here.read(lambda tx: tx.imports.revoked_at(b"\1" * 32)) is not None


def test_a_second_import_takes_only_what_is_new(here: Here, there: CompassDatabase) -> None:
    """Run again, nothing is doubled; what came since is taken, under objects that were taken before too."""
    acme = there.tenant("acme")
    there.formation(acme, "production")
    first = there.application(acme, "first")
    there.label("scenarios", ["production"], app_id=first, tenant_id=acme)
    there.auth(acme, token_value(make_token()), app_id=first)
    here.take(there)
    before = here.read(_everything)

    again = here.take(there)
    assert numbers(again, Outcome.TAKEN) == {}
    assert here.read(_everything) == before

    runtime = there.runtime(acme, "late")
    there.label("scenarios", ["production"], runtime_id=runtime, tenant_id=acme)
    there.auth(acme, token_value(make_token()), app_id=first)
    third = here.take(there)
    assert numbers(third, Outcome.TAKEN) == {Kind.RUNTIME: 1, Kind.ASSIGNMENT: 1, Kind.SYSTEM_AUTH: 1, Kind.TOKEN: 1}
    assert here.entity(APPLICATION, first).eventing_runtime_id == runtime


def test_a_dry_run_reports_alike_and_writes_nothing(here: Here, there: CompassDatabase) -> None:
    """A dry run says what the import then says, collisions and all, and leaves the database as it was."""
    acme = there.tenant("acme", external_name="ACME & sons")
    system = there.insert("integration_systems", id=str(uuid4()), name="Portal")
    there.formation(acme, "production")
    for name in ("Same", "same", "SAME", "x" * 120):
        made = there.application(acme, name, integration_system_id=system)
        there.label("scenarios", ["production", "nowhere"], app_id=made, tenant_id=acme)
        there.auth(acme, token_value(make_token()), app_id=made)
    empty = here.read(_everything)

    dry = here.take(there, [b"\2" * 32], is_dry=True)
    assert here.read(_everything) == empty
    done = here.take(there, [b"\2" * 32])

    assert dry.counts == done.counts
    assert [(each.outcome, each.kind, each.name, each.why) for each in dry.notes] == [
        (each.outcome, each.kind, each.name, each.why) for each in done.notes
    ]
    assert numbers(done, Outcome.TAKEN)[Kind.APPLICATION] == 4


def test_names_that_collide_are_changed_and_told(here: Here, there: CompassDatabase) -> None:
    """Of applications whose names normalise alike, each but one gets another name here, and is named with it; what
    clients go by, the label, stays.
    """
    acme = there.tenant("acme")
    ids = [there.application(acme, name) for name in ("Order System", "order-system", "ORDER SYSTEM")]
    for each in ids:
        there.label("name", "mp-order-system", app_id=each)

    report = here.take(there)

    found = [here.entity(APPLICATION, each) for each in ids]
    assert len({each.normalized_name for each in found}) == 3
    assert {each.labels["name"] for each in found} == {"mp-order-system"}
    changed = notes(report, Outcome.CHANGED, Kind.APPLICATION)
    assert len(changed) == 2
    for note in changed:
        assert here.entity(APPLICATION, note.id).name in note.why


def test_broken_rows_are_left_and_stop_nothing(here: Here, there: CompassDatabase) -> None:
    """Each row that cannot be taken is named with the reason, and everything else is taken: two owners, no owner, a
    tenant that may not be one, a label that is no JSON, a time that is none, a system auth with two owners or with
    another credential, a tenant that is its own parent.
    """
    acme, other = there.tenant("acme"), there.tenant("other")
    there.tenant("no good id!")
    there.insert("tenant_parents", tenant_id=acme, parent_id=other)
    there.insert("tenant_parents", tenant_id=other, parent_id=acme)
    good = there.application(acme, "good", created_at="infinity")
    there.insert("tenant_applications", tenant_id=other, id=good, owner=True, source=acme)  # a parent's right
    twice = there.application(acme, "twice")
    there.insert("tenant_applications", tenant_id=other, id=twice, owner=True, source=other)
    nobody = there.insert("applications", id=str(uuid4()), name="nobody's")
    going = there.application(acme, "going", status_condition="DELETING")
    there.run("ALTER TABLE labels ALTER COLUMN value TYPE text")
    there.insert("labels", id=str(uuid4()), key="broken", value='{"a": ', app_id=good)
    there.insert("labels", id=str(uuid4()), key="no key of ours", value='"x"', app_id=good)
    there.insert("labels", id=str(uuid4()), key="fine", value='"x"', app_id=good)
    there.insert("labels", id=str(uuid4()), key="scenarios", value="17", app_id=good, tenant_id=acme)
    there.run(
        "ALTER TABLE system_auths DROP CONSTRAINT one_owner; ALTER TABLE system_auths ALTER COLUMN value TYPE text"
    )
    double = there.auth(acme, app_id=good, runtime_id=there.runtime(acme, "r"))
    lost = there.auth(acme)
    secret = there.auth(acme, {"Credential": {"Oauth": {"ClientID": "a", "ClientSecret": "b"}}}, app_id=good)
    odd = there.insert("system_auths", id=str(uuid4()), app_id=good, tenant_id=acme, value="[not JSON")

    report = here.take(there)

    left = {(note.kind, note.id) for note in report.notes if note.outcome is Outcome.LEFT}
    assert left >= {(Kind.APPLICATION, each) for each in (twice, nobody, going)}
    assert left >= {(Kind.SYSTEM_AUTH, each) for each in (double, lost, secret)}
    assert {note.name for note in notes(report, Outcome.LEFT, Kind.LABEL)} == {"broken", "no key of ours"}
    assert [note.id for note in notes(report, Outcome.LEFT, Kind.ASSIGNMENT)] == [good]
    assert {note.name for note in notes(report, Outcome.LEFT, Kind.TENANT)} == {"no good id!", ""}
    assert all(note.why for note in report.notes)
    assert here.entity(APPLICATION, good).labels["fine"] == "x"
    assert here.inside(lambda realm: realm.directory.system_auth(odd), "acme") is not None
    assert numbers(report, Outcome.TAKEN)[Kind.APPLICATION] == 1


def test_fields_that_break_a_rule_are_left_out_one_by_one(here: Here, there: CompassDatabase) -> None:
    """A description that is too long is left out and told; the other fields are taken. A runtime's name is mended."""
    acme = there.tenant("acme")
    application = there.application(
        acme, "long", description="x" * 5000, provider_name="P", base_url="https://b.example"
    )
    runtime = there.runtime(acme, "my cluster (1)")

    report = here.take(there)

    found = here.entity(APPLICATION, application)
    assert (found.description, found.provider_name, found.details) == (None, "P", {"baseUrl": "https://b.example"})
    assert here.entity(RUNTIME, runtime).name == f"my-cluster-1--{runtime[:8]}"
    assert {note.id for note in report.notes if note.outcome is Outcome.CHANGED} == {application, runtime}


def test_an_integration_system_may_act_in_every_tenant(here: Here, there: CompassDatabase) -> None:
    """It belongs to no tenant there. Here it is registered once, under its id, where the first application names it,
    and may act in every tenant; applications of all tenants name it, also those of a later run. One that no application
    names is left, with the option that takes it.
    """
    system = there.insert("integration_systems", id=str(uuid4()), name="Portal", description="Pairs")
    unused = there.insert("integration_systems", id=str(uuid4()), name="Unused")
    applications = {}
    for external in ("one", "two"):
        tenant = there.tenant(external)
        applications[external] = there.application(tenant, "app", integration_system_id=system)
    dry = here.take(there, is_dry=True)
    report = here.take(there)
    assert (dry.counts, dry.notes) == (report.counts, report.notes)
    applications["three"] = there.application(there.tenant("three"), "app", integration_system_id=system)
    again = here.take(there)

    for tenant, id_ in applications.items():
        found = here.entity(APPLICATION, id_, tenant)
        assert found.integration_system_id == found.labels["integrationSystemID"] == system
    owners = [each for each in applications if here.inside(lambda realm: realm.directory.count_entities(SYSTEM), each)]
    assert len(owners) == 1
    assert here.entity(SYSTEM, system, *owners).name == "Portal"
    assert [(each.permission.system_id, each.tenant) for each in here.permissions()] == [(system, None)]
    for each in (report, again):
        (note,) = notes(each, Outcome.LEFT, Kind.INTEGRATION_SYSTEM)
        assert (note.id, "--systems-tenant" in note.why) == (unused, True)
    (note,) = notes(report, Outcome.CHANGED, Kind.INTEGRATION_SYSTEM)
    assert (note.id, "every tenant" in note.why) == (system, True)
    assert numbers(again, Outcome.TAKEN) == {Kind.TENANT: 1, Kind.APPLICATION: 1}


def test_integration_systems_have_a_home_where_one_is_named(here: Here, there: CompassDatabase) -> None:
    """All are registered in the tenant that is named, also those that no application names; a second run, with it or
    without, finds them there. A tenant that is neither here nor there is refused.
    """
    used, unused = (there.insert("integration_systems", id=str(uuid4()), name=name) for name in ("Used", "Unused"))
    application = there.application(there.tenant("acme"), "app", integration_system_id=used)
    there.tenant("platform")
    with pytest.raises(InvalidData, match="--systems-tenant"):
        here.take(there, systems_home="nobody")
    dry = here.take(there, is_dry=True, systems_home="platform")
    report = here.take(there, systems_home="platform")
    assert numbers(dry, Outcome.TAKEN)[Kind.INTEGRATION_SYSTEM] == 2
    assert numbers(report, Outcome.TAKEN)[Kind.PERMISSION] == numbers(dry, Outcome.TAKEN)[Kind.PERMISSION] == 2
    for id_, name in ((used, "Used"), (unused, "Unused")):
        assert here.entity(SYSTEM, id_, "platform").name == name
    assert here.entity(APPLICATION, application).integration_system_id == used
    for options in ({"systems_home": "platform"}, {}):
        again = here.take(there, **options)
        assert numbers(again, Outcome.TAKEN) == {}
        assert numbers(again, Outcome.KNOWN)[Kind.INTEGRATION_SYSTEM] == 2
        assert notes(again, Outcome.LEFT, Kind.INTEGRATION_SYSTEM) == []


def test_with_some_tenants_an_integration_system_acts_in_those_that_name_it(here: Here, there: CompassDatabase) -> None:
    """Where an import is for some tenants, an integration system gets no right to the others, and none to those whose
    applications do not name it.
    """
    system = there.insert("integration_systems", id=str(uuid4()), name="Portal")
    for external in ("one", "two", "three"):
        there.application(there.tenant(external), "app", integration_system_id=system)
    there.tenant("none")
    here.take(there, tenants=["one", "two", "none"])
    (permission,) = here.permissions()
    assert permission.tenant in ("one", "two")
    here.take(there, tenants=["three"])
    assert {each.tenant for each in here.permissions()} == {permission.tenant, "three"}


def test_a_permission_that_was_withdrawn_here_is_not_given_again(here: Here, there: CompassDatabase) -> None:
    """Nor is an integration system brought back that was removed here; new applications come without it."""
    system = there.insert("integration_systems", id=str(uuid4()), name="Portal")
    acme = there.tenant("acme")
    there.tenant("platform")
    there.application(acme, "app", integration_system_id=system)
    here.take(there, systems_home="platform")
    (given,) = here.permissions()
    here.installed(lambda installation: withdraw_permission(installation, given.permission.id))
    here.take(there, systems_home="platform")
    assert here.permissions() == []

    second = there.application(acme, "second", integration_system_id=system)
    here.take(there, tenants=["acme"])
    assert here.entity(APPLICATION, second).integration_system_id == system
    (given,) = here.permissions()
    assert given.tenant == "acme"
    here.installed(lambda installation: withdraw_permission(installation, given.permission.id))
    third = there.application(acme, "third", integration_system_id=system)
    report = here.take(there)
    assert here.entity(APPLICATION, third).integration_system_id is None
    (note,) = notes(report, Outcome.CHANGED, Kind.APPLICATION)
    assert "withdrawn here" in note.why
    assert here.permissions() == []


def test_an_import_goes_on_where_an_older_one_made_copies(here: Here, there: CompassDatabase) -> None:
    """Before there were permissions, each tenant but the first had a record of its own. Its applications keep that."""
    system = there.insert("integration_systems", id=str(uuid4()), name="Portal")
    acme = there.tenant("acme")
    there.application(acme, "app")
    here.take(there)
    tenant = here.inside(lambda realm: realm.tenant, "acme")
    copy = compass.entity(
        CompassSystem(system, "Portal", None), SYSTEM, tenant, id=str(uuid5(UUID(system), acme)), name="Portal", now=NOW
    )[0]
    here.write(lambda realm: realm.directory.add_entity(copy), "acme")
    second = there.application(acme, "second", integration_system_id=system)
    here.take(there)
    assert here.entity(APPLICATION, second).integration_system_id == copy.id
    assert here.permissions() == []


def test_what_was_removed_here_is_not_brought_back(here: Here, there: CompassDatabase) -> None:
    """A system auth, an application or an assignment that was removed here after the import stays removed."""
    acme = there.tenant("acme")
    there.formation(acme, "production")
    kept, removed = there.application(acme, "kept"), there.application(acme, "removed")
    there.label("scenarios", ["production"], app_id=kept, tenant_id=acme)
    auth = there.auth(acme, app_id=kept)
    here.take(there)
    here.write(lambda realm: registration.delete_system_auth(realm, APPLICATION, auth), "acme")
    here.write(lambda realm: registration.unregister(realm, APPLICATION, removed), "acme")
    formation = here.inside(lambda realm: realm.formations.named("production"), "acme")
    assert formation is not None
    here.write(lambda realm: realm.formations.unassign(formation.id, kept), "acme")

    report = here.take(there)

    assert numbers(report, Outcome.TAKEN) == {}
    assert here.inside(lambda realm: realm.directory.system_auth(auth), "acme") is None
    assert here.inside(lambda realm: realm.directory.entity(APPLICATION, removed), "acme") is None
    assert here.inside(lambda realm: list(realm.formations.of_object(kept)), "acme") == []
    assert [note.id for note in notes(report, Outcome.LEFT, Kind.SYSTEM_AUTH)] == [auth]


def test_what_was_removed_there_is_told_and_deleted_on_demand(here: Here, there: CompassDatabase) -> None:
    """A system auth that was deleted in Compass after the import is named; with ``removes`` it is deleted here."""
    acme = there.tenant("acme")
    application = there.application(acme, "app")
    auth, stays = there.auth(acme, app_id=application), there.auth(acme, app_id=application)
    here.take(there)
    there.run("DELETE FROM system_auths WHERE id = %s", auth)

    told = here.take(there)
    assert [(note.kind, note.id, note.name) for note in told.notes] == [(Kind.SYSTEM_AUTH, auth, "app")]
    assert told.notes[0].outcome is Outcome.GONE
    assert here.inside(lambda realm: realm.directory.system_auth(auth), "acme") is not None

    here.take(there, removes=True)
    assert here.inside(lambda realm: realm.directory.system_auth(auth), "acme") is None
    assert here.inside(lambda realm: realm.directory.system_auth(stays), "acme") is not None
    assert here.take(there).notes == []


def test_a_token_is_good_in_one_place(here: Here, there: CompassDatabase) -> None:
    """Used and expired tokens are not taken, nor what cannot be a token here, and all are counted. One that was used in
    Compass after it was taken is withdrawn here.
    """
    acme = there.tenant("acme")
    application = there.application(acme, "app")
    used, old, pending = make_token(), make_token(), make_token()
    there.auth(acme, token_value("no token of 64 octets"), app_id=application)
    there.auth(acme, token_value(used, used=True), app_id=application)
    there.auth(acme, token_value(old, expires=datetime.now(UTC) - timedelta(seconds=1)), app_id=application)
    auth = there.auth(acme, token_value(pending), app_id=application)
    report = here.take(there)
    assert numbers(report, Outcome.LEFT)[Kind.TOKEN] == 3
    assert [here.read(lambda tx, each=each: tx.tokens.find(digest(each))) for each in (used, old)] == [None, None]

    there.run("UPDATE system_auths SET value = jsonb_set(value, '{OneTimeToken,Used}', 'true') WHERE id = %s", auth)
    here.take(there)
    found = here.read(lambda tx: tx.tokens.find(digest(pending)))
    assert found is not None
    assert found.state(now=datetime.now(UTC)) is TokenState.WITHDRAWN


def test_only_the_tenants_that_are_named_are_looked_at(here: Here, there: CompassDatabase) -> None:
    """With tenants named, nothing of another tenant is taken or told; one that is not there is told."""
    ids = {external: there.application(there.tenant(external), "app") for external in ("one", "two")}
    report = here.take(there, tenants=["two", "three"])

    assert here.entity(APPLICATION, ids["two"], "two").name == "app"
    assert here.read(lambda tx: tx.tenants.find("one")) is None
    assert [(note.kind, note.name) for note in report.notes] == [(Kind.TENANT, "three")]
    assert numbers(here.take(there), Outcome.TAKEN)[Kind.APPLICATION] == 1


def test_a_database_of_another_version_is_refused(here: Here, there: CompassDatabase) -> None:
    """Where a column is missing, the import says which, and nothing is taken."""
    there.tenant("acme")
    there.run("ALTER TABLE applications RENAME COLUMN local_tenant_id TO something_else")
    with pytest.raises(InvalidData, match=r"applications\.local_tenant_id"):
        here.take(there)
    assert here.read(lambda tx: tx.tenants.list()) == []


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    """A URL with a mistake is refused without a word of it: it may hold a password."""
    with pytest.raises(InvalidData) as refused, open_database("postgresq://user:hunter2@host/db"):
        pass
    assert "hunter2" not in str(refused.value)


def test_nothing_can_be_written_through_the_source(there: CompassDatabase) -> None:
    """The connection reads in one snapshot: a change meanwhile is not seen, and no statement of its own could write."""
    there.tenant("acme")
    with open_database(there.url) as source:
        assert source.count() == 1
        there.tenant("late")
        assert source.count() == 1
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            source._connection.execute("DELETE FROM formations")  # noqa: SLF001 - the point of the test


def test_a_cut_connection_leaves_whole_batches_and_doubles_nothing(
    here: Here, there: CompassDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection to Compass is cut between two batches: the import says so; run again, it takes the rest, and each
    application is here once.
    """
    acme = there.tenant("acme")
    for number in range(25):
        made = there.application(acme, f"app-{number}")
        there.auth(acme, token_value(make_token()), app_id=made)
    monkeypatch.setattr("connector.compass.database.BATCH", 10)
    cut = False

    def progress(what: str, _: int) -> None:
        nonlocal cut
        if what == "applications" and not cut:
            cut = True
            there.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'connector import' AND datname = current_database()"
            )

    with pytest.raises(StorageUnavailable, match="Run the import again"):
        here.take(there, on_progress=progress)
    assert here.inside(lambda realm: realm.directory.count_entities(APPLICATION), "acme") == 10
    assert here.read(lambda tx: tx.imports.issuers()) == []

    report = here.take(there)
    assert numbers(report, Outcome.TAKEN)[Kind.APPLICATION] == 15
    assert numbers(report, Outcome.KNOWN)[Kind.APPLICATION] == 10
    assert here.inside(lambda realm: realm.directory.count_entities(APPLICATION), "acme") == 25


def test_an_import_into_postgresql_is_the_same(there: CompassDatabase, postgresql: Postgres, old: OldCA) -> None:
    """Into PostgreSQL, collisions, assignments and a second run come out as they do in SQLite."""
    acme = there.tenant("acme")
    there.formation(acme, "production")
    system = there.insert("integration_systems", id=str(uuid4()), name="Portal")
    for name in ("Same", "same"):
        made = there.application(acme, name, integration_system_id=system)
        there.label("scenarios", ["production"], app_id=made, tenant_id=acme)
        there.auth(acme, token_value(make_token()), app_id=made)
    with postgresql.database() as url:
        store = open_postgresql(url)
        try:
            here = Here(store, old)
            first, second = here.take(there), here.take(there)
        finally:
            asyncio.run(store.close())
    assert numbers(first, Outcome.TAKEN)[Kind.APPLICATION] == 2
    assert len(notes(first, Outcome.CHANGED, Kind.APPLICATION)) == 1
    assert numbers(second, Outcome.TAKEN) == {}


def _everything(tx: Transaction) -> object:
    """All that an import writes."""
    tenants = tx.tenants.list()
    return [
        tenants,
        tx.imports.issuers(),
        [tx.imports.all_taken(kind, after="", most=10_000) for kind in Kind],
        [
            (
                [tx.directory(each.id).entities(kind) for kind in EntityKind],
                tx.formations(each.id).list(),
                tx.directory(each.id).system_auths(
                    [found.id for kind in EntityKind for found in tx.directory(each.id).entities(kind)]
                ),
            )
            for each in tenants
        ],
    ]
