"""The audit log while management keeps it: chained entries, their intake, and how they are read."""
