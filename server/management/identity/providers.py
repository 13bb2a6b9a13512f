"""Signing in with login providers: OpenID Connect's authorization code flow with PKCE, state and nonce.

What has to be remembered until the browser comes back travels in a cookie that only this server can read.
"""

import asyncio
import base64
import json
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from common.foundation.pools import BoundedPool
from common.model.identity import LoginProvider, RegisteredClaim
from server.management.configuration.items import Items, NoSuchItem
from server.management.database.store import Database
from server.management.identity.authorization_codes import challenge_of
from server.management.identity.external_users import ExternalUsers
from server.management.identity.first_factor import Recognised
from server.management.identity.id_tokens import (
    ProviderFailed,
    ProviderMetadata,
    UnknownKey,
    claim_texts,
    read_json,
    read_metadata,
    user_name,
    verified_claims,
)
from server.management.identity.ldap_connection import trusted_context
from server.management.identity.refusals import no_role
from server.management.identity.safe_fetch import FetchFailed, fetch

ATTEMPT_LIFE_S = 600
_KNOWN_FOR_S = 3600.0
_MOST_COOKIE_CHARS = 3900  # browsers keep 4096 with the name
_KEYS_AGAIN_S = 60.0  # a forged key id shall not make us ask the provider for every try


@dataclass(frozen=True, slots=True, repr=False)
class KnownProvider:
    """A configured provider, with the secret it knows us by."""

    id: str
    item: LoginProvider
    client_secret: str
    registered_claims: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ProviderAttempt:
    """A sign-in that waits for the browser to come back. `query`: what our own client had asked for."""

    provider_id: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    query: str


@dataclass(slots=True)
class _Known:
    metadata: ProviderMetadata
    jwks: bytes
    at_s: float
    keys_at_s: float
    context: ssl.SSLContext


class Providers:
    """Asks providers, and notes whom they vouch for."""

    def __init__(
        self,
        items: Items,
        external: ExternalUsers,
        database: Database,
        database_pool: BoundedPool,
        *,
        now_s: Callable[[], float],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._items = items
        self._external = external
        self._database = database
        self._database_pool = database_pool
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._cookies = Fernet(Fernet.generate_key())  # a restart ends attempts; people then start over
        self._known: dict[tuple[str, str, str], _Known] = {}
        self._asking = asyncio.Lock()

    def all(self, session: Session) -> list[KnownProvider]:
        """Return the providers that are switched on."""
        return [
            self._provider(session, each.id) for each in self._items.list(session, LoginProvider) if each.item.enabled
        ]

    async def by_id(self, identifier: str) -> KnownProvider:
        """Return one that is switched on; raise NoSuchItem."""
        return await self._database_pool.run(self._enabled, identifier)

    async def begin(self, provider: KnownProvider, redirect_uri: str, query: str) -> tuple[str, str]:
        """Return where to send the browser, and the cookie it shall come back with; raise ProviderFailed."""
        known = await self._metadata(provider)
        attempt = ProviderAttempt(
            provider.id,
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            redirect_uri,
            query,
        )
        wanted = {
            "response_type": "code",
            "client_id": provider.item.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(provider.item.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge_of(attempt.verifier),
            "code_challenge_method": "S256",
            **({"prompt": "login"} if provider.item.prompt_for_login else {}),
        }
        endpoint = known.metadata.authorization_endpoint
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(wanted)}"
        return url, self._sealed(attempt)

    def attempt_of(self, cookie: str, answer: Mapping[str, str]) -> ProviderAttempt | None:
        """Return what was begun with a cookie; None when it is not ours, too old, or of another `state`.

        Some providers say no without repeating `state`: that shows a page and gives nothing away.
        """
        try:
            opened = json.loads(self._cookies.decrypt_at_time(cookie.encode(), ATTEMPT_LIFE_S, int(self._now_s())))
        except (InvalidToken, ValueError, UnicodeEncodeError):
            return None
        attempt = ProviderAttempt(**opened)
        if "error" in answer and "code" not in answer and "state" not in answer:
            return attempt
        given = answer.get("state", "").encode("utf-8", "replace")
        return attempt if secrets.compare_digest(attempt.state.encode(), given) else None

    async def vouched(self, provider: KnownProvider, attempt: ProviderAttempt, answer: Mapping[str, str]) -> Recognised:
        """Return the user that the provider sends back; raise ProviderFailed, or GrantRefused without a role here."""
        known = await self._metadata(provider)
        issuer = answer.get("iss", "")
        if (issuer or known.metadata.names_issuer) and issuer != known.metadata.issuer:
            raise ProviderFailed("the answer comes from another provider")  # RFC 9207: mix-up
        if answer.get("error") or not answer.get("code"):
            raise ProviderFailed(str(answer.get("error_description") or answer.get("error") or "no code came")[:200])
        tokens = await self._redeemed(provider, known, attempt, answer["code"])
        claims = await self._claims(provider, known, attempt, str(tokens.get("id_token", "")))
        if known.metadata.userinfo_endpoint and isinstance(tokens.get("access_token"), str):
            told = await self._fetched(
                provider,
                known.context,
                known.metadata.userinfo_endpoint,
                headers={"Authorization": f"Bearer {tokens['access_token']}"},
            )
            if told.get("sub") == claims["sub"]:  # OpenID Connect Core, 5.3.2: else it must not be used
                claims = {**told, **claims}
        name = user_name(claims, provider.item.user_name_claim_type)
        texts = claim_texts(claims, provider.registered_claims)
        return Recognised(await self._database_pool.run(self._note, provider.id, str(claims["sub"]), name, texts), name)

    async def _redeemed(
        self, provider: KnownProvider, known: _Known, attempt: ProviderAttempt, code: str
    ) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers: dict[str, str] = {}
        if known.metadata.basic_authentication and provider.client_secret:
            # RFC 6749, 2.3.1: both parts are form-encoded first.
            pair = f"{quote(provider.item.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = provider.item.client_id
            if provider.client_secret:
                form["client_secret"] = provider.client_secret
        return await self._fetched(provider, known.context, known.metadata.token_endpoint, form=form, headers=headers)

    async def _claims(
        self, provider: KnownProvider, known: _Known, attempt: ProviderAttempt, id_token: str
    ) -> dict[str, Any]:
        verified = partial(verified_claims, client_id=provider.item.client_id, nonce=attempt.nonce, now_s=self._now_s())
        try:
            return verified(id_token, known.jwks, known.metadata)
        except UnknownKey:
            if self._monotonic_s() - known.keys_at_s < _KEYS_AGAIN_S:
                raise
            known.jwks, known.keys_at_s = await self._jwks(provider, known.context, known.metadata), self._monotonic_s()
            return verified(id_token, known.jwks, known.metadata)

    async def _metadata(self, provider: KnownProvider) -> _Known:
        key = (provider.id, provider.item.authority, provider.item.ca_certificates)
        async with self._asking:
            known = self._known.get(key)
            now_s = self._monotonic_s()
            if known is not None and now_s - known.at_s < _KNOWN_FOR_S:
                return known
            try:
                context = trusted_context(provider.item.ca_certificates)
            except (ValueError, ssl.SSLError) as error:
                raise ProviderFailed(f"its trusted authorities are no PEM: {error}") from error
            url = provider.item.authority.rstrip("/") + "/.well-known/openid-configuration"
            body = await self._body(provider, context, url)
            metadata = read_metadata(body, provider.item.authority)
            jwks = await self._jwks(provider, context, metadata)
            fresh = _Known(metadata, jwks, now_s, now_s, context)
            self._known = {each: value for each, value in self._known.items() if each[0] != provider.id} | {key: fresh}
            return fresh

    async def _jwks(self, provider: KnownProvider, context: ssl.SSLContext, metadata: ProviderMetadata) -> bytes:
        return await self._body(provider, context, metadata.jwks_uri)

    async def _fetched(
        self,
        provider: KnownProvider,
        context: ssl.SSLContext,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return read_json(await self._body(provider, context, url, form=form, headers=headers), "its answer")

    async def _body(
        self,
        provider: KnownProvider,
        context: ssl.SSLContext,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        try:
            answer = await fetch(
                url, context, allow_private=provider.item.allow_private_addresses, form=form, headers=headers
            )
        except FetchFailed as error:
            raise ProviderFailed(str(error)) from error
        if answer.status != 200:
            raise ProviderFailed(f"it answers {answer.status}")
        return answer.body

    def _sealed(self, attempt: ProviderAttempt) -> str:
        sealed = self._cookies.encrypt_at_time(json.dumps(asdict(attempt)).encode(), int(self._now_s())).decode()
        if len(sealed) > _MOST_COOKIE_CHARS:
            raise ProviderFailed("the program's own request is too long")
        return sealed

    def _note(self, provider_id: str, subject: str, name: str, texts: frozenset[str]) -> str:
        with self._database.write() as session:
            row = self._external.seen(session, provider_id, subject, name=name, groups=texts, now_s=self._now_s())
            if not self._external.role_ids(session, row):
                raise no_role()  # and leave nothing behind
            return row.id

    def _enabled(self, identifier: str) -> KnownProvider:
        with self._database.read() as session:
            found = self._provider(session, identifier)
        if not found.item.enabled:
            raise NoSuchItem(f"loginProviders/{identifier}", item=identifier)
        return found

    def _provider(self, session: Session, identifier: str) -> KnownProvider:
        stored = self._items.get(session, LoginProvider, identifier)
        secret = self._items.secrets(session, LoginProvider, stored.id).get("clientSecret", "")
        claims = tuple(each.item.name for each in self._items.list(session, RegisteredClaim, stored.id))
        return KnownProvider(stored.id, stored.item, secret, claims)
