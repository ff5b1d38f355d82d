"""How SQLite goes about the statements that must stay quick at any size: by which index, and without sorting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pysqlite3.dbapi2 as driver
import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine
from tests.support.records import NOW, digest, entity, identifier, tenant, token

from connector.domain.certificates import RevocationReason
from connector.domain.directory import EntityKind
from connector.domain.labels import read_filter
from connector.domain.tokens import TokenState
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.storage import SqliteStore
from connector.storage.transaction import SqlTransaction

TENANT = tenant().id
APPLICATION = EntityKind.APPLICATION
REASON = RevocationReason.UNSPECIFIED
IDS = [identifier(number) for number in range(3)]

Function = Callable[[SqlTransaction], object]


@dataclass(slots=True)
class Planner:
    """Tells the plan of whatever a function asks the database."""

    connection: Connection

    def __call__(self, function: Function) -> str:
        """The steps of the plans of all the function's statements, a line each."""
        # SQLite's own trace, which shows what SQLAlchemy runs and what goes straight to the driver.
        traced: list[str] = []
        database = self.connection.connection.dbapi_connection
        assert database is not None
        database.set_trace_callback(traced.append)
        function(SqlTransaction(self.connection))
        database.set_trace_callback(None)
        statements = [statement for statement in traced if not statement.startswith("BEGIN")]
        steps = [row[3] for each in statements for row in database.execute(f"EXPLAIN QUERY PLAN {each}").fetchall()]
        return "\n".join(steps)


@pytest.fixture
def plan(store: SqliteStore, path: Path) -> Iterator[Planner]:
    """Plans for a database of this version without statistics, as every server has it."""
    url = URL.create("sqlite+pysqlite", database=str(path))
    with create_engine(url, module=driver, poolclass=NullPool).connect() as connection:
        yield Planner(connection)


PAGES: dict[str, tuple[Function, str]] = {
    "tokens": (
        lambda tx: tx.tokens.list(TokenFilter(TENANT), most=101),
        "ix_tokens_tenant_id_minted_at_id (tenant_id=?)",
    ),
    "tokens after": (
        lambda tx: tx.tokens.list(TokenFilter(TENANT), after=(NOW, IDS[0]), most=101),
        "ix_tokens_tenant_id_minted_at_id (tenant_id=? AND (minted_at,id)<(?,?))",
    ),
    "minted tokens after": (
        lambda tx: tx.tokens.list(TokenFilter(TENANT, state=TokenState.MINTED, now=NOW), after=(NOW, IDS[0]), most=101),
        "ix_tokens_tenant_id_minted_at_id (tenant_id=? AND (minted_at,id)<(?,?))",
    ),
    "certificates": (
        lambda tx: tx.inventory.list(CertificateFilter(TENANT), most=101),
        "ix_certificates_tenant_id_issued_at_fingerprint (tenant_id=?)",
    ),
    "certificates after": (
        lambda tx: tx.inventory.list(CertificateFilter(TENANT), after=(NOW, digest(1)), most=101),
        "ix_certificates_tenant_id_issued_at_fingerprint (tenant_id=? AND (issued_at,fingerprint)<(?,?))",
    ),
    "entities": (
        lambda tx: tx.directory(TENANT).entities(APPLICATION, most=101),
        "sqlite_autoindex_entities_2 (tenant_id=? AND kind=?)",
    ),
    "entities after": (
        lambda tx: tx.directory(TENANT).entities(APPLICATION, after="m", most=101),
        "sqlite_autoindex_entities_2 (tenant_id=? AND kind=? AND name>?)",
    ),
    "tenants after": (
        lambda tx: tx.tenants.list(after="m", most=101),
        "sqlite_autoindex_tenants_2 (external_id>?)",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_in_the_order_of_an_index(plan: Planner, name: str) -> None:
    """A page starts at its place in an index and reads on: nothing is sorted, so that the last costs what the first
    does.
    """
    function, index = PAGES[name]

    steps = plan(function)

    assert index in steps
    assert "TEMP B-TREE" not in steps
    assert "SCAN" not in steps


def test_a_label_is_looked_up_for_each_entity(plan: Planner) -> None:
    """A filter by labels keeps the order of the names, and finds each label by the primary key of the terms."""
    filters = [read_filter("a", None), read_filter("b", '"blue"')]

    steps = plan(lambda tx: tx.directory(TENANT).entities(APPLICATION, filters, after="m", most=101))

    assert "sqlite_autoindex_entities_2 (tenant_id=? AND kind=? AND name>?)" in steps
    assert "sqlite_autoindex_label_terms_1 (owner_id=? AND key=?)" in steps
    assert "sqlite_autoindex_label_terms_1 (owner_id=? AND key=? AND term=?)" in steps
    assert "TEMP B-TREE" not in steps


def redeem(tx: SqlTransaction) -> None:
    """Redeem a token that is there."""
    tx.tokens.add(token())
    tx.tokens.redeem(token(), now=NOW)


def update(tx: SqlTransaction) -> None:
    """Update an entity that is there."""
    tx.tenants.add(tenant())
    tx.directory(TENANT).add_entity(entity())
    tx.directory(TENANT).update_entity(entity())


FINDS: dict[str, tuple[Function, str]] = {
    "redeem": (redeem, "tokens USING INDEX sqlite_autoindex_tokens_1 (id=?)"),
    "ended tokens": (
        lambda tx: tx.tokens.remove_ended(NOW, 500),
        "tokens USING INDEX ix_tokens_expires_at (expires_at<?)",
    ),
    "token": (lambda tx: tx.tokens.find(digest(1)), "tokens USING INDEX sqlite_autoindex_tokens_2 (digest=?)"),
    "tokens of an owner": (
        lambda tx: tx.tokens.list(TokenFilter(TENANT, owner_id=IDS[0]), most=101),
        "tokens USING INDEX ix_tokens_owner_id (owner_id=?)",
    ),
    "tokens of system auths": (
        lambda tx: tx.tokens.last_handed_over(TENANT, IDS),
        "tokens USING INDEX ix_tokens_system_auth_id_minted_at (system_auth_id=?)",
    ),
    "withdraw by id": (
        lambda tx: tx.tokens.withdraw(TokenFilter(TENANT, id=IDS[0]), now=NOW),
        "tokens USING INDEX sqlite_autoindex_tokens_1 (id=?)",
    ),
    "withdraw by system auth": (
        lambda tx: tx.tokens.withdraw(TokenFilter(TENANT, system_auth_id=IDS[0]), now=NOW),
        "tokens USING INDEX ix_tokens_system_auth_id_minted_at (system_auth_id=?)",
    ),
    "withdraw by certificates": (
        lambda tx: tx.tokens.withdraw(TokenFilter(TENANT, certificates=[digest(1), digest(2)]), now=NOW),
        "tokens USING INDEX ix_tokens_certificate (certificate=?)",
    ),
    "certificate": (
        lambda tx: tx.inventory.find(digest(1)),
        "certificates USING INDEX sqlite_autoindex_certificates_1 (fingerprint=?)",
    ),
    "certificate of a serial": (
        lambda tx: tx.inventory.list(CertificateFilter(TENANT, serial="ab"), most=1),
        "certificates USING INDEX sqlite_autoindex_certificates_2 (serial=?)",
    ),
    "revoke by fingerprint": (
        lambda tx: tx.inventory.revoke(CertificateFilter(TENANT, fingerprint=digest(1)), REASON, now=NOW),
        "certificates USING INDEX sqlite_autoindex_certificates_1 (fingerprint=?)",
    ),
    "revoke by owner": (
        lambda tx: tx.inventory.revoke(CertificateFilter(TENANT, owner_id=IDS[0]), REASON, now=NOW),
        "certificates USING INDEX ix_certificates_owner_id (owner_id=?)",
    ),
    "standings": (
        lambda tx: tx.inventory.standings(TENANT, IDS, now=NOW),
        "certificates USING INDEX ix_certificates_owner_id (owner_id=?)",
    ),
    "certified": (
        lambda tx: tx.inventory.certified(TENANT, IDS),
        "certificates USING INDEX ix_certificates_system_auth_id_not_after_issued_at_revoked_at (system_auth_id=?)",
    ),
    "names": (lambda tx: tx.directory(TENANT).names(IDS), "entities USING INDEX sqlite_autoindex_entities_1 (id=?)"),
    "update": (update, "entities USING INDEX sqlite_autoindex_entities_1 (id=?)"),
    "system auths": (
        lambda tx: tx.directory(TENANT).system_auths(IDS),
        "system_auths USING INDEX ix_system_auths_owner_id (owner_id=?)",
    ),
    "services of applications": (
        lambda tx: tx.catalogue(TENANT).of(IDS),
        "services USING INDEX sqlite_autoindex_services_2 (application_id=?)",
    ),
    "size of the services of applications": (
        lambda tx: tx.catalogue(TENANT).size(IDS),
        "services USING INDEX sqlite_autoindex_services_2 (application_id=?)",
    ),
    "service": (
        lambda tx: tx.catalogue(TENANT).find(IDS[0], IDS[1]),
        "services USING INDEX sqlite_autoindex_services_1 (id=?)",
    ),
    "members of a formation": (
        lambda tx: tx.formations(TENANT).members(IDS[0], most=31),
        "formation_assignments USING INDEX sqlite_autoindex_formation_assignments_1 (formation_id=?)",
    ),
    "issued to a system auth": (
        lambda tx: tx.usage.issued(IDS[0], since=NOW, most=100),
        "ix_certificates_system_auth_id_not_after_issued_at_revoked_at (system_auth_id=? AND not_after>?)",
    ),
    "good ones of a system auth": (
        lambda tx: tx.usage.good(IDS[0], now=NOW, most=500),
        "ix_certificates_system_auth_id_not_after_issued_at_revoked_at (system_auth_id=? AND not_after>?)",
    ),
    "minted for a system auth": (
        lambda tx: tx.usage.minted(IDS[0], since=NOW, most=12),
        "COVERING INDEX ix_tokens_system_auth_id_minted_at (system_auth_id=? AND minted_at>?)",
    ),
    "certified system auths of an owner": (
        lambda tx: tx.usage.certified(TENANT, IDS[0], since=NOW, now=NOW),
        "certificates USING INDEX ix_certificates_owner_id (owner_id=?)",
    ),
    "key": (lambda tx: tx.keys.find(digest(1)), "api_keys USING INDEX sqlite_autoindex_api_keys_2 (digest=?)"),
}


@pytest.mark.parametrize("name", FINDS)
def test_what_is_narrow_is_found_by_its_own_index(plan: Planner, name: str) -> None:
    """What is looked for by something narrower than its tenant is found by that: the tenant's rows are not read."""
    function, index = FINDS[name]

    steps = plan(function)

    assert index in steps
    assert "(tenant_id=?" not in steps
    assert "SCAN" not in steps


COUNTS: dict[str, tuple[Function, str]] = {
    "unexpired tokens": (
        lambda tx: tx.usage.unexpired_tokens(now=NOW, most=1000),
        "tokens USING COVERING INDEX ix_tokens_expires_at (expires_at>?)",
    ),
    "unspent tokens": (
        lambda tx: tx.usage.tokens(TENANT, now=NOW, most=1000),
        "tokens USING INDEX ix_tokens_expires_at (expires_at>?)",
    ),
    "applications": (
        lambda tx: tx.usage.entities(TENANT, APPLICATION, most=1000),
        "entities USING COVERING INDEX",
    ),
    "good certificates": (
        lambda tx: tx.usage.certificates(TENANT, now=NOW, most=1000),
        "certificates USING COVERING INDEX ix_certificates_tenant_id_not_after_revoked_at_superseded_at",
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_what_quotas_limit_is_counted_by_an_index(plan: Planner, name: str) -> None:
    """No table is read from end to end to count what a quota limits, and nothing is sorted."""
    function, index = COUNTS[name]

    steps = plan(function)

    assert index in steps
    assert not any(f"SCAN {table}" in steps for table in ("tokens", "entities", "certificates"))
    assert "TEMP B-TREE" not in steps
