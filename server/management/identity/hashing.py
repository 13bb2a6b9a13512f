"""How random secrets of ours are kept: as hashes, so that the database gives none away."""

import hashlib


def token_hash(secret: str) -> str:
    """Return what is stored of a random secret; it has too many bits to need a slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
