"""Alembic's entry: migrates over the connection that `store` hands in, or writes the statements for a dialect."""

from alembic import context

from server.management.database import identity_tables, site_tables  # noqa: F401  # parts of the metadata
from server.management.database.tables import Base

if context.is_offline_mode():
    context.configure(**context.config.attributes["offline"], target_metadata=Base.metadata)
else:
    context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
