"""The tables of CAs: the issuers and their roots, CRLs, and the CAs of other installations."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table

from connector.domain.issuers import IssuerState
from connector.storage.columns import Moment, Word

DIGEST_OCTETS = 32

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

issuers = Table(
    "issuers",
    metadata,
    Column("fingerprint", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("root", LargeBinary(DIGEST_OCTETS), nullable=False),
    Column("state", Word(IssuerState), nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

# The newest CRL of each scope. Its octets stand last: they are read only where they are asked for.
crls = Table(
    "crls",
    metadata,
    Column("scope", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("this_update", Moment, nullable=False),
    Column("next_update", Moment, nullable=False),
    Column("since", Moment, nullable=False),
    Column("scheduled_at", Moment, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("claimed_at", Moment),
    Column("der", LargeBinary),
)

# The root under which certificates are issued; every replica on the database has the same.
trust_anchors = Table(
    "trust_anchors",
    metadata,
    Column("fingerprint", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("recorded_at", Moment, nullable=False),
)

# CAs of other installations: they authenticate, and sign nothing here.
adopted_issuers = Table(
    "adopted_issuers",
    metadata,
    Column("fingerprint", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("adopted_at", Moment, nullable=False),
    Column("ended_at", Moment),
)

# Certificates that were revoked in another installation, whether or not they ever came in here.
imported_revocations = Table(
    "imported_revocations",
    metadata,
    Column("fingerprint", LargeBinary(DIGEST_OCTETS), primary_key=True),
    Column("recorded_at", Moment, nullable=False),
)
