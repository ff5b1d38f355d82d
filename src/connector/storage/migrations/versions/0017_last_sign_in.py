"""When an administrator signed in last."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add a column that may be empty. Sign-ins at an older server next to this one are not noted."""
    op.add_column("administrators", sa.Column("signed_in_at", sa.BigInteger))
