"""Search by eye: the sequence explorer, a strip of small pictures for each camera."""
