"""The tables. Their columns stand in the order of the fields of the records that they hold.

Tokens, certificates and events keep the ids of their owner and system auth without foreign keys: they outlive both.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from connector.domain.certificates import RevocationReason
from connector.domain.directory import EntityKind
from connector.domain.imports import Kind
from connector.domain.principals import Role
from connector.domain.tokens import TokenType
from connector.storage.audit_schema import audit_events
from connector.storage.authority_schema import (
    DIGEST_OCTETS,
    adopted_issuers,
    crls,
    imported_revocations,
    issuers,
    metadata,
    trust_anchors,
)
from connector.storage.columns import Json, Moment, Names, TextWord, Word

__all__ = [
    "access_tokens",
    "administrators",
    "adopted_issuers",
    "api_keys",
    "audit_events",
    "certificates",
    "clients",
    "crls",
    "entities",
    "formation_assignments",
    "formations",
    "imported_records",
    "imported_revocations",
    "issuers",
    "label_terms",
    "metadata",
    "probes",
    "services",
    "sessions",
    "sign_in_links",
    "system_auths",
    "tenant_permissions",
    "tenants",
    "token_keys",
    "tokens",
    "trust_anchors",
]

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("external_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("profile", Text),
)

entities = Table(
    "entities",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("kind", Word(EntityKind), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("created_at", Moment, nullable=False),
    Column("provider_name", Text),
    Column("integration_system_id", Text, ForeignKey("entities.id")),
    Column("labels", Json, nullable=False, server_default="{}"),
    Column("eventing_runtime_id", Text),
    Column("updated_at", Moment),
    Column("details", Json, nullable=False, server_default="{}"),
    Column("normalized_name", Text),
    Column("profile", Text),
    UniqueConstraint("tenant_id", "kind", "name"),
    # Of applications alone, and not of those that an older server has registered.
    Index(None, "tenant_id", "normalized_name", unique=True),
    # The newest first, page by page.
    Index(None, "tenant_id", "kind", "created_at", "id"),
)
# To remove an integration system, those that name it are looked for; most entities name none.
_looked_after = entities.c.integration_system_id.is_not(None)
Index(None, entities.c.integration_system_id, sqlite_where=_looked_after, postgresql_where=_looked_after)

# The digests by which entities are found by their labels; made from entities.labels, and nothing that it does not say.
label_terms = Table(
    "label_terms",
    metadata,
    Column("owner_id", Text, ForeignKey("entities.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("term", LargeBinary(DIGEST_OCTETS), primary_key=True),
)

formations = Table(
    "formations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

# What is assigned to a formation keeps the formation; an object that is removed is assigned to none.
formation_assignments = Table(
    "formation_assignments",
    metadata,
    Column("formation_id", Text, ForeignKey("formations.id"), primary_key=True),
    Column("object_id", Text, ForeignKey("entities.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("kind", Word(EntityKind), nullable=False),
    Column("assigned_at", Moment, nullable=False),
)

# Services that applications publish. The long texts stand last: the databases read them only where they are asked for.
services = Table(
    "services",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("application_id", Text, ForeignKey("entities.id", ondelete="CASCADE"), nullable=False),
    Column("identifier", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("octets", Integer, nullable=False),
    Column("text_octets", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Column("api_spec", Text),
    Column("event_spec", Text),
    Column("documents", Text),
    # It also finds an application's; those without an identifier do not exclude one another.
    UniqueConstraint("application_id", "identifier"),
)

system_auths = Table(
    "system_auths",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("owner_id", Text, ForeignKey("entities.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("owner_kind", Word(EntityKind), nullable=False),
    Column("created_at", Moment, nullable=False),
)

# A client is a system auth with a secret (RFC 6749 4.4). It ends with its system auth, and its access tokens with it.
clients = Table(
    "clients",
    metadata,
    Column("id", Text, ForeignKey("system_auths.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary(DIGEST_OCTETS), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
)

# Where integration systems may act besides their own tenant. Without a tenant: in every one.
tenant_permissions = Table(
    "tenant_permissions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("system_id", Text, ForeignKey("entities.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id", ondelete="CASCADE"), index=True),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
)
_of_one, _of_every = tenant_permissions.c.tenant_id.is_not(None), tenant_permissions.c.tenant_id.is_(None)
Index(
    "uq_tenant_permissions_system_tenant",
    tenant_permissions.c.system_id,
    tenant_permissions.c.tenant_id,
    unique=True,
    sqlite_where=_of_one,
    postgresql_where=_of_one,
)
Index(
    "uq_tenant_permissions_system",
    tenant_permissions.c.system_id,
    unique=True,
    sqlite_where=_of_every,
    postgresql_where=_of_every,
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("digest", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("client_id", Text, ForeignKey("clients.id", ondelete="CASCADE"), nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("scopes", Names),
    # A client's, newest first.
    Index(None, "client_id", "issued_at"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary(DIGEST_OCTETS), nullable=False, unique=True),
    Column("type", Word(TokenType), nullable=False),
    Column("system_auth_id", Text, nullable=False),
    Column("owner_id", Text, nullable=False, index=True),
    Column("tenant_id", Text, nullable=False),
    Column("minted_by", Text, nullable=False),
    Column("minted_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("spent_at", Moment),
    Column("withdrawn_at", Moment),
    Column("refusals", Integer, nullable=False),
    Column("certificate", LargeBinary(DIGEST_OCTETS)),
    Column("source", Text),
    Column("key", LargeBinary(DIGEST_OCTETS)),
    # Those that ended long ago are cleared away.
    Index(None, "expires_at"),
    # A system auth's, and those of the last minute.
    Index(None, "system_auth_id", "minted_at"),
    # A tenant's tokens, page by page.
    Index(None, "tenant_id", "minted_at", "id"),
)
# Revoking a certificate withdraws the tokens that were fetched with it; most tokens were fetched with none.
_fetched = tokens.c.certificate.is_not(None)
Index(None, tokens.c.certificate, sqlite_where=_fetched, postgresql_where=_fetched)

certificates = Table(
    "certificates",
    metadata,
    Column("serial", Text, nullable=False),
    Column("fingerprint", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("issuer", LargeBinary(DIGEST_OCTETS), nullable=False),
    Column("key", LargeBinary(DIGEST_OCTETS), nullable=False),
    Column("system_auth_id", Text, nullable=False),
    Column("owner_id", Text, nullable=False, index=True),
    Column("owner_kind", TextWord(EntityKind), nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("not_after", Moment, nullable=False, index=True),
    Column("issued_at", Moment, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("superseded_at", Moment),
    Column("revoked_at", Moment),
    Column("revocation_reason", Word(RevocationReason)),
    Column("step", LargeBinary(DIGEST_OCTETS)),
    Column("request", LargeBinary(DIGEST_OCTETS)),
    Column("renewal_asked_at", Moment),
    Column("lapsed_at", Moment),
    # The serial first: people look a certificate up by it alone.
    UniqueConstraint("serial", "issuer"),
    # A system auth's, those that are good, and those of the last day.
    Index(None, "system_auth_id", "not_after", "issued_at", "revoked_at"),
    # A tenant's certificates, page by page.
    Index(None, "tenant_id", "issued_at", "fingerprint"),
    # A tenant's, counted by state and by the day on which they end.
    Index(None, "tenant_id", "not_after", "revoked_at", "superseded_at"),
)
# A step brings one certificate; most clients name none.
_named = certificates.c.step.is_not(None)
Index("uq_certificates_step", certificates.c.step, unique=True, sqlite_where=_named, postgresql_where=_named)
# The entries of a CRL; most certificates are never revoked.
_revoked = certificates.c.revoked_at.is_not(None)
Index(
    "ix_certificates_revoked",
    certificates.c.issuer,
    certificates.c.not_after,
    certificates.c.serial,
    certificates.c.revoked_at,
    certificates.c.revocation_reason,
    sqlite_where=_revoked,
    postgresql_where=_revoked,
)

# Apart from the certificates, whose rows are long: this is written again and again.
sightings = Table(
    "sightings",
    metadata,
    Column("fingerprint", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("seen_at", Moment, nullable=False),
)

# The public keys of identity tokens, of every replica.
token_keys = Table(
    "token_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("spki", LargeBinary, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("removed_at", Moment),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary(DIGEST_OCTETS), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    # A key of the first version may do everything everywhere.
    Column("role", Word(Role), nullable=False, server_default=Role.ADMINISTRATOR.value),
    Column("tenant", Text),
    Column("created_by", Text, nullable=False, server_default="system"),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
)
# Of one name, one key for each tenant and one for all: the audit names keys by these two.
_of_all = api_keys.c.tenant.is_(None)
Index(
    "uq_api_keys_tenant_name",
    api_keys.c.tenant,
    api_keys.c.name,
    unique=True,
    sqlite_where=~_of_all,
    postgresql_where=~_of_all,
)
Index("uq_api_keys_name", api_keys.c.name, unique=True, sqlite_where=_of_all, postgresql_where=_of_all)

administrators = Table(
    "administrators",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password", Text),
    Column("role", Word(Role), nullable=False),
    Column("tenant", Text),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Column("signed_in_at", Moment),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("administrator_id", Text, ForeignKey("administrators.id"), nullable=False, index=True),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary(DIGEST_OCTETS), nullable=False, unique=True),
    Column("administrator_id", Text, ForeignKey("administrators.id")),
    Column("name", Text, nullable=False),
    Column("actor", Text, nullable=False, index=True),
    Column("role", Word(Role), nullable=False),
    Column("tenants", Names),
    Column("began_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
)

# The records taken over from another installation. A note outlives its record: a removed record is not taken again.
imported_records = Table(
    "imported_records",
    metadata,
    Column("kind", Word(Kind), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("taken_at", Moment, nullable=False),
)

# A row of the first migration, which a probe counts up; and, on PostgreSQL, one for each connection that writes, by
# which it knows whether a commit whose answer was lost is recorded.
probes = Table(
    "probes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
)
