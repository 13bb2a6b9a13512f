"""Bookmarks: made at the playhead, listed, searched, changed, and undone."""
