"""The Management Client's top: puts its parts together and starts it."""
