"""The Live tab: a grid of tiles."""
