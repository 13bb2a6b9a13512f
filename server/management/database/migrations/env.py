"""Alembic's entry: migrates over the connection that `store` hands in, or writes the statements for a dialect."""

from alembic import context

from server.management.database.schema import METADATA

if context.is_offline_mode():
    context.configure(**context.config.attributes["offline"], target_metadata=METADATA)
else:
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
