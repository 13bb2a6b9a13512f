"""The quick switcher (Ctrl+K): a camera, a view, a time or an action by a few letters of its name."""
