"""Identity: earlier passwords, second factors, authorization codes, users of directories and login providers."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. Passwords that are there already count as changed now, so that none is too old at once."""
    op.add_column("accounts", sa.Column("changed_s", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE accounts SET changed_s = :now").bindparams(now=int(time.time())))
    op.create_table(
        "earlier_passwords",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("items.id", ondelete="CASCADE"), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("until_s", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_earlier_passwords_user_id", "earlier_passwords", ["user_id"])
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.String(36), primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.String(36), primary_key=True),
        sa.Column("code_hash", sa.String(64), primary_key=True),
    )
    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("challenge", sa.String(128), nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("expires_s", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_authorization_codes_user_id", "authorization_codes", ["user_id"])
    op.create_table(
        "external_users",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("source_id", sa.String(36), sa.ForeignKey("items.id", ondelete="CASCADE"), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("name_key", sa.String(255), nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("checked_s", sa.BigInteger, nullable=False),
        sa.Column("cached_hash", sa.Text, nullable=False),
        sa.UniqueConstraint("source_id", "subject", name="external_users_by_subject"),
    )
    op.create_index("ix_external_users_source_id", "external_users", ["source_id"])
    op.create_index("ix_external_users_name_key", "external_users", ["name_key"])
    op.create_table(
        "role_members",
        sa.Column("role_id", sa.String(36), sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("external_id", sa.String(255), primary_key=True),
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("is_group", sa.Boolean, nullable=False),
        sa.Column("account_name", sa.String(255), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
    )
    op.create_index("ix_role_members_source_id", "role_members", ["source_id"])


def downgrade() -> None:
    """Refuse: a configuration is never thrown away; restore the copy that was made before the upgrade."""
    raise NotImplementedError("restore the copy of the database that was made before the upgrade")
