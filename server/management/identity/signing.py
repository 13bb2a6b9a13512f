"""The keys that access tokens are signed with: RS256 (RFC 7518, 3.3), kept sealed, published as a key set."""

import json
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from sqlalchemy import select
from sqlalchemy.orm import Session

from common.foundation.ids import new_id
from server.management.database.sealing import Seal
from server.management.database.store import DatabaseUnusable
from server.management.database.tables import SigningKeyRow

_KEY_BITS = 2048


class SigningKeys:
    """Signs with the newest key; the key set holds all that are kept."""

    def __init__(self, session: Session, seal: Seal, now_s: float) -> None:
        """Load the keys, or make the first. Needs a writing transaction."""
        rows = list(session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_s)))
        if not rows:
            fresh = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
            pem = fresh.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            rows = [SigningKeyRow(kid=new_id(), created_s=int(now_s), private_key=seal.seal(pem))]
            session.add_all(rows)
        keys: dict[str, rsa.RSAPrivateKey] = {}
        for row in rows:
            key = serialization.load_pem_private_key(seal.open(row.private_key), password=None)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise DatabaseUnusable(f"the signing key {row.kid} is not an RSA key", path="signing keys")
            keys[row.kid] = key
        self._kid, self._key = next(reversed(keys.items()))
        published = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}
            for kid, key in keys.items()
        ]
        self._jwks = json.dumps({"keys": published}, separators=(",", ":"))

    def jwks_text(self) -> str:
        """Return the public keys as a JSON Web Key Set (RFC 7517)."""
        return self._jwks

    def sign(self, claims: Mapping[str, object]) -> str:
        return jwt.encode(dict(claims), self._key, algorithm="RS256", headers={"kid": self._kid})
