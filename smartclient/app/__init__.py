"""The Smart Client program: arguments, sign-in, main window."""
