"""Bookmarks: notes on a time of a camera's recordings. They keep nothing from deletion."""
