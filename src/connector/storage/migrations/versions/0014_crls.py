"""Certificate revocation lists."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Add a table and an index of the revoked certificates, in which a CRL finds all that it lists. An older server
    next to this one publishes no CRL; what it revokes is in the next CRL of this one.
    """
    op.create_table(
        "crls",
        sa.Column("scope", _DIGEST, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("this_update", sa.BigInteger, nullable=False),
        sa.Column("next_update", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("scheduled_at", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("claimed_at", sa.BigInteger, nullable=True),
        sa.Column("der", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("scope", name="pk_crls"),
    )
    revoked = sa.text("revoked_at IS NOT NULL")
    op.create_index(
        "ix_certificates_revoked",
        "certificates",
        ["issuer", "not_after", "serial", "revoked_at", "revocation_reason"],
        sqlite_where=revoked,
        postgresql_where=revoked,
    )
