"""What the site holds: cameras by recording server, refreshed off the GUI thread."""
