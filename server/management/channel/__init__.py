"""The service channel: tells clients, daemons and third parties what has changed."""
