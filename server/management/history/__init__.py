"""Every version that a configuration item has had: who changed what, and how to go back to it."""
