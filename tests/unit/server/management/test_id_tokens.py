"""What a login provider says is believed only when everything about it is right."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from server.management.identity.id_tokens import (
    ProviderFailed,
    UnknownKey,
    claim_texts,
    read_metadata,
    user_name,
    verified_claims,
)
from server.management.identity.safe_fetch import may_ask

NOW_S = 1_790_000_000
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
DOCUMENT = {
    "issuer": "https://idp.example",
    "authorization_endpoint": "https://idp.example/a",
    "token_endpoint": "https://idp.example/t",
    "jwks_uri": "https://idp.example/k",
}
METADATA = read_metadata(json.dumps(DOCUMENT).encode(), "https://idp.example/")
JWKS = json.dumps(
    {
        "keys": [
            {**RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "1", "use": "sig"},
            {**RSAAlgorithm.to_jwk(OTHER.public_key(), as_dict=True), "kid": "enc", "use": "enc"},
            {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "2"},
            {"kty": "unheard-of", "kid": "3"},
        ]
    }
).encode()
GOOD = {"iss": "https://idp.example", "aud": "us", "sub": "u", "iat": NOW_S, "exp": NOW_S + 60, "nonce": "n"}


def token(key=KEY, algorithm="RS256", kid="1", **changes):
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def verify(text):
    return verified_claims(text, JWKS, METADATA, client_id="us", nonce="n", now_s=NOW_S)


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(kid=""),
        token(EC_KEY, "ES256", "2"),
        token(KEY, "PS256"),
        token(aud=["us", "them"], azp="us"),
        token(exp=NOW_S - 30),
        token(iat=NOW_S + 30),
    ],
)
def test_a_right_token_is_believed(text):
    assert verify(text)["sub"] == "u"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x.y.z",
        token(OTHER),
        token(OTHER, kid="enc"),
        token(kid="unknown"),
        token(EC_KEY, "ES256", "1"),
        token("k" * 64, "HS256"),
        jwt.encode(GOOD, None, algorithm="none"),
        token(iss="https://evil.example"),
        token(iss=None),
        token(aud="them"),
        token(aud=["us", "them"]),
        token(aud=["us", "them"], azp="them"),
        token(azp="them"),
        token(nonce="other"),
        token(nonce=None),
        token(exp=NOW_S - 61),
        token(exp=None),
        token(exp="soon"),
        token(iat=NOW_S + 3600),
        token(sub=None),
        token(sub=""),
        token(sub="x" * 256),
        token()[:-8] + "AAAAAAAA",
    ],
)
def test_a_wrong_token_is_not(text):
    with pytest.raises(ProviderFailed):
        verify(text)


def test_a_new_key_is_told_apart_since_it_may_be_fetched():
    with pytest.raises(UnknownKey):
        verify(token(kid="new"))


@given(st.binary(max_size=200))
def test_no_garbage_is_taken_for_a_document(body):
    with pytest.raises(ProviderFailed):
        read_metadata(body, "https://idp.example")
    with pytest.raises(ProviderFailed):
        verified_claims(body.decode("latin-1"), body, METADATA, client_id="us", nonce="n", now_s=NOW_S)


@pytest.mark.parametrize(
    "changes",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://idp.example/t"}, {"jwks_uri": ""}],
)
def test_a_document_of_somebody_else_or_without_tls_is_refused(changes):
    with pytest.raises(ProviderFailed):
        read_metadata(json.dumps({**DOCUMENT, **changes}).encode(), "https://idp.example")


def test_claims_become_texts_and_a_user_has_a_name():
    claims = {"groups": ["a", "b", 7, {"no": 1}], "admin": True, "other": "x", "sub": "s", "email": "e@x", "name": " "}
    assert claim_texts(claims, ["groups", "admin", "missing"]) == {"groups=a", "groups=b", "groups=7", "admin=true"}
    assert user_name(claims, "") == "e@x"
    assert user_name(claims, "other") == "x"
    with pytest.raises(ProviderFailed):
        user_name({"name": "a\x00b"}, "")


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.216.34", True, True),
        ("2606:4700::1111", True, True),
        ("10.0.0.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("192.168.1.1", False, True),
        ("169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("224.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:a9fe:a9fe::1", False, False),
        ("240.0.0.1", False, True),
    ],
)
def test_which_addresses_may_be_asked(address, public, private):
    assert may_ask(address, allow_private=False) is public
    assert may_ask(address, allow_private=True) is private
