"""The pre-buffer on disk: what was seen before its cause, for longer than memory could hold it."""
