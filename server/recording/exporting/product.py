"""What we call ourselves in a result."""

from importlib.metadata import PackageNotFoundError, version


def product_name() -> str:
    """Return `Vedette 1.2.3`."""
    try:
        return f"Vedette {version('vedette')}"
    except PackageNotFoundError:
        return "Vedette"
