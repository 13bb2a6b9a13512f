"""All tables of the configuration database together."""

from sqlalchemy import MetaData

from server.management.database import bookmark_tables, history_tables, identity_tables, site_tables, tables

# importing a module declares its tables
_DECLARING = (tables, identity_tables, site_tables, bookmark_tables, history_tables)

METADATA: MetaData = tables.Base.metadata
"""Every table, wherever it is declared."""
