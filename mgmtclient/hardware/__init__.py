"""Adding cameras and seeing what they send."""
