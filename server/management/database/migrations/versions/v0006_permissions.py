"""What roles are allowed and denied."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; it is filled at the server's next start."""
    op.create_table(
        "permissions",
        sa.Column("role_id", sa.String(36), primary_key=True),
        sa.Column("namespace", sa.String(36), primary_key=True),
        sa.Column("item_id", sa.String(36), primary_key=True),
        sa.Column("profile_id", sa.String(36), primary_key=True),
        sa.Column("allow", sa.BigInteger, nullable=False),
        sa.Column("deny", sa.BigInteger, nullable=False),
    )
