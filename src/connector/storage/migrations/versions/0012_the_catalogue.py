"""The services that applications publish."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table. An older server next to this one does not know it: the database itself ends a service with its
    application, whichever server unregisters that.
    """
    op.create_table(
        "services",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("tenant_id", _TEXT, nullable=False),
        sa.Column("application_id", _TEXT, nullable=False),
        sa.Column("identifier", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("octets", sa.Integer, nullable=False),
        sa.Column("text_octets", sa.Integer, nullable=False),
        sa.Column("facts", _TEXT, nullable=False),
        sa.Column("api_spec", _TEXT, nullable=True),
        sa.Column("event_spec", _TEXT, nullable=True),
        sa.Column("documents", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sa.ForeignKeyConstraint(
            ["application_id"], ["entities.id"], name="fk_services_application_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("application_id", "identifier", name="uq_services_application_id_identifier"),
    )
