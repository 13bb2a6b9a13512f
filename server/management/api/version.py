"""What this server calls itself towards clients."""

from importlib.metadata import PackageNotFoundError, version

SERVER_VERSION = "25.1.0.1"
"""The product version whose interfaces we keep to; existing clients compare its first number."""


def own_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("vedette")
    except PackageNotFoundError:
        return "0"
