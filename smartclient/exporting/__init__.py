"""Exports: the dialog, the list of jobs, and what keeps them going over restarts."""
