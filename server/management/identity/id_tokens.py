"""What login providers say about users: discovery documents and ID tokens (OpenID Connect Core and Discovery 1.0)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from common.foundation.errors import VmsError
from server.management.identity.external_users import claim_text

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Public keys only: with HS256, whoever knows the provider's public key could sign."""
_LEEWAY_S = 60
_MOST_VALUES = 1000


class ProviderFailed(VmsError):
    """A login provider is away, or what it says is not to be believed."""

    message_key = "error.provider_failed"


class UnknownKey(ProviderFailed):
    """A token is signed with a key that is not (yet) among the provider's."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The parts of a provider's discovery document that matter here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    basic_authentication: bool  # how the client's secret travels
    names_issuer: bool  # its redirects carry `iss` (RFC 9207)


def read_metadata(body: bytes, authority: str) -> ProviderMetadata:
    """Read a discovery document; raise ProviderFailed unless it is that of `authority`."""
    document = read_json(body, "the discovery document")
    issuer = str(document.get("issuer", ""))
    if issuer.rstrip("/") != authority.rstrip("/"):
        raise ProviderFailed(f"it calls itself {issuer[:200]}, not {authority}")
    endpoints = {
        name: str(document.get(name, ""))
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
    }
    for name, url in endpoints.items():
        if not url.startswith("https://") and (url or name != "userinfo_endpoint"):
            raise ProviderFailed(f"its {name} is no https address")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return ProviderMetadata(
        issuer=issuer,
        basic_authentication=not isinstance(methods, list) or "client_secret_basic" in methods,
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        **endpoints,
    )


def read_json(body: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object; raise ProviderFailed."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProviderFailed(f"{what} is no JSON") from error
    if not isinstance(value, dict):
        raise ProviderFailed(f"{what} is no JSON object")
    return value


def verified_claims(
    id_token: str, jwks: bytes, metadata: ProviderMetadata, *, client_id: str, nonce: str, now_s: float
) -> dict[str, Any]:
    """Return an ID token's claims (OpenID Connect Core, 3.1.3.7); raise ProviderFailed, UnknownKey."""
    try:
        header = jwt.get_unverified_header(id_token)
        if header.get("alg") not in ALGORITHMS:
            raise ProviderFailed(f"its token is signed with {str(header.get('alg'))[:20]}")
        keys = [key for key in jwt.PyJWKSet.from_dict(read_json(jwks, "the key set")).keys if _fits(key, header)]
        if len(keys) != 1:
            raise UnknownKey("its token is signed with an unknown key")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            keys[0].key,
            algorithms=[header["alg"]],
            audience=client_id,
            issuer=metadata.issuer,
            options={
                "require": ["exp", "iat", "sub", "aud", "iss"],
                "verify_exp": False,  # checked below, with the clock we were given
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        expires_s, issued_s = float(claims["exp"]), float(claims["iat"])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ProviderFailed(f"its token is not valid: {error}") from error
    if expires_s + _LEEWAY_S <= now_s or issued_s - _LEEWAY_S > now_s:
        raise ProviderFailed("its token is not valid now; compare the clocks of both servers")
    if claims.get("nonce") != nonce:
        raise ProviderFailed("its token belongs to another sign-in")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", client_id) != client_id or (several and "azp" not in claims):
        raise ProviderFailed("its token is for another program")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise ProviderFailed("its token names no user")
    return claims


def _fits(key: jwt.PyJWK, header: Mapping[str, Any]) -> bool:
    wanted = header.get("kid")
    kind = {"R": "RSA", "P": "RSA"}.get(header["alg"][0]) or ("OKP" if header["alg"] == "EdDSA" else "EC")
    return key.key_type == kind and (wanted is None or key.key_id == wanted) and key.public_key_use in (None, "sig")


def user_name(claims: Mapping[str, Any], wanted: str) -> str:
    """Return how a user is called: by the claim that was chosen, or the best there is."""
    for name in (wanted, "preferred_username", "email", "name", "sub"):
        value = claims.get(name) if name else None
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()[:255]
    raise ProviderFailed("it gives the user no name")


def claim_texts(claims: Mapping[str, Any], registered: Iterable[str]) -> frozenset[str]:
    """Return the registered claims that a user has, as `name=value`; a list counts as several values."""
    found: set[str] = set()
    for name in registered:
        value = claims.get(name)
        for each in value[:_MOST_VALUES] if isinstance(value, list) else [value]:
            if isinstance(each, bool):
                found.add(claim_text(name, str(each).lower()))
            elif isinstance(each, str | int | float):
                found.add(claim_text(name, str(each)[:1000]))
    return frozenset(found)
