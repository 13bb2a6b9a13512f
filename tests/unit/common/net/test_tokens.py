"""Access tokens: what counts, and why what does not."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from common.foundation.errors import NotSignedIn
from common.net.tokens import ADMINISTRATORS, AUDIENCE, TokenVerifier

ISSUER, NOW_S = "https://site/idp", 1_000_000
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
JWKS = json.dumps({"keys": [{**RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "a", "alg": "RS256"}]})


def signed(key=KEY, kid="a", **changes):
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "name": "Ute", "roles": [ADMINISTRATORS], "jti": "j"}
    claims |= {"iat": NOW_S, "exp": NOW_S + 60} | changes
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, "RS256", {"kid": kid})


def verifier(now_s=NOW_S, revoked=()):
    return TokenVerifier(JWKS, ISSUER, revoked, now_s=lambda: now_s)


def test_a_good_token_says_who_asks():
    principal = verifier().verify(signed())
    assert (principal.user_id, principal.name, principal.is_administrator) == ("u", "Ute", True)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (signed(OTHER), "Signature"),
        (signed(kid="b"), "unknown key"),
        (signed(iss="https://elsewhere/idp"), "issuer"),
        (signed(aud="another"), "Audience"),
        (signed(jti=None), "jti"),
        (signed(exp=None), "exp"),
        (jwt.encode({"sub": "u"}, None, "none", {"kid": "a"}), "invalid"),
        (jwt.encode({"sub": "u"}, "x" * 64, "HS256", {"kid": "a"}), "invalid"),
        ("x" * 20_000, "too long"),
    ],
)
def test_a_bad_token_is_refused_with_a_reason(token, why):
    with pytest.raises(NotSignedIn, match=why):
        verifier().verify(token)


def test_time_and_revocation():
    verifier(NOW_S + 59).verify(signed())
    with pytest.raises(NotSignedIn, match="token is expired"):
        verifier(NOW_S + 60).verify(signed())
    with pytest.raises(NotSignedIn, match="revoked"):
        verifier(revoked=["j"]).verify(signed())


@given(st.text(max_size=300))
def test_any_text_is_refused_and_nothing_else(text):
    with pytest.raises(NotSignedIn):
        verifier().verify(text)


@pytest.mark.parametrize("jwks", ["", "[]", "{}", '{"keys":[]}', '{"keys":[1]}'])
def test_a_key_set_that_is_none(jwks):
    with pytest.raises(ValueError, match="not a JSON Web Key Set"):
        TokenVerifier(jwks, ISSUER)
