"""Windows beside the main one, on any screen."""
