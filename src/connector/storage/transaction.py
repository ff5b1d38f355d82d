# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""One transaction over SQL: the repositories of all nouns, on a connection whose transaction somebody else begins and
ends.

Statements are built once, in the modules of the nouns, so that SQLAlchemy compiles each once; those that every request
runs are :class:`connector.storage.statements.Prepared`.
"""

from secrets import token_bytes

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from connector.domain.audit import Circumstances
from connector.ports.transaction import Clock
from connector.storage.administrators import SqlAdministrators, SqlSessions, SqlSignInLinks
from connector.storage.audit import SqlAudit
from connector.storage.catalogue import SqlCatalogue
from connector.storage.certificates import SqlInventory, SqlTrustAnchors
from connector.storage.clients import SqlClients
from connector.storage.crls import SqlCRLs
from connector.storage.directories import SqlDirectory, SqlTenants
from connector.storage.formations import SqlFormations
from connector.storage.identity_tokens import SqlTokenKeys
from connector.storage.imports import SqlImports
from connector.storage.issuers import SqlIssuers
from connector.storage.keys import SqlApiKeys
from connector.storage.moments import make_id, now
from connector.storage.ocsp import SqlStatuses
from connector.storage.permissions import SqlPermissions
from connector.storage.quotas import SqlUsage
from connector.storage.schema import probes
from connector.storage.sightings import SqlSightings
from connector.storage.subjects import SqlSubjects
from connector.storage.tokens import SqlTokens

_TAKE_IF_FREE = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
_PROBE = update(probes).where(probes.c.id == 1).values(count=probes.c.count + 1)


class SqlTransaction:
    """All that one transaction can read and write. Whoever runs several functions over it renews it for each."""

    random = staticmethod(token_bytes)
    new_id = staticmethod(make_id)

    def __init__(self, connection: Connection, clock: Clock = now) -> None:
        self._clock = clock
        self.now = clock()
        self.tenants = SqlTenants(connection)
        self.tokens = SqlTokens(connection)
        self.inventory = SqlInventory(connection)
        self.subjects = SqlSubjects(connection)
        self.sightings = SqlSightings(connection)
        self.token_keys = SqlTokenKeys(connection)
        self.audit = SqlAudit(connection)
        self.keys = SqlApiKeys(connection)
        self.clients = SqlClients(connection)
        self.permissions = SqlPermissions(connection)
        self.anchors = SqlTrustAnchors(connection)
        self.issuers = SqlIssuers(connection)
        self.crls = SqlCRLs(connection)
        self.statuses = SqlStatuses(connection)
        self.imports = SqlImports(connection)
        self.administrators = SqlAdministrators(connection)
        self.links = SqlSignInLinks(connection)
        self.sessions = SqlSessions(connection)
        self.usage = SqlUsage(connection)
        self._connection = connection

    def renew(self, circumstances: Circumstances | None) -> None:
        """Begin a new moment, for a function that is called in these circumstances."""
        self.now = self._clock()
        self.audit.renew(circumstances)

    def directory(self, tenant_id: str) -> SqlDirectory:
        return SqlDirectory(self._connection, tenant_id)

    def formations(self, tenant_id: str) -> SqlFormations:
        return SqlFormations(self._connection, tenant_id)

    def catalogue(self, tenant_id: str) -> SqlCatalogue:
        return SqlCatalogue(self._connection, tenant_id)

    def probe(self) -> None:
        """Write something that means nothing."""
        self._connection.execute(_PROBE)

    def is_sole(self, lock: int) -> bool:
        """Take PostgreSQL's advisory lock of that number until the transaction ends; whether it was free."""
        return bool(self._connection.execute(_TAKE_IF_FREE, {"lock": lock}).scalar_one())
