"""The table of a node's items."""
