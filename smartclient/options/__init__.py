"""What the client remembers for a user on this computer."""
