"""Exports: recordings as files that others can play, or as a package that proves itself."""
