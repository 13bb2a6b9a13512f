"""Keeps a media channel connected: reconnects with growing waits, and stays signed in with fresh access tokens."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

import jwt

from common.clients.media import MediaConnection, MediaListener, open_media_connection
from common.foundation.backoff import Backoff
from common.foundation.clock import Clock, SystemClock
from common.foundation.errors import VmsError
from common.protocols.media_channel.messages import Authenticate

log = logging.getLogger(__name__)

_REFRESH_BEFORE_S = 30.0
_LEAST_REFRESH_S = 5.0
_SETTLED_S = 5.0  # a connection that lasted this long starts the waits over

FreshToken = Callable[[], Awaitable[str]]
"""Gives an access token that is valid now; may raise a VmsError, which is retried like a lost connection."""


async def keep_connected(
    uri: str,
    ssl_context: ssl.SSLContext | None,
    fresh_token: FreshToken,
    listener: MediaListener,
    connected: Callable[[MediaConnection], None],
    *,
    retry: Backoff | None = None,
    clock: Clock | None = None,
) -> None:
    """Run until cancelled. `connected` is called each time a connection is signed in: subscribe again there.

    `listener.closed` is told each end and each failed attempt, with the reason.
    """
    retry = retry or Backoff(0.5, 10.0)
    clock = clock or SystemClock()
    while True:
        opened = False
        try:
            token = await fresh_token()
            began_s = clock.monotonic_s()
            async with open_media_connection(uri, ssl_context, token, listener) as connection:
                opened = True
                connected(connection)
                async with asyncio.TaskGroup() as tasks:
                    renewal = tasks.create_task(
                        _stay_signed_in(connection, token, fresh_token, clock), name=f"media token {uri}"
                    )
                    error = await connection.wait_closed()
                    renewal.cancel()
            if clock.monotonic_s() - began_s >= _SETTLED_S:
                retry.succeeded()
            log.info("media channel ended", extra={"server": uri, "reason": str(error)})
        except VmsError as error:
            log.info("media channel not connected", extra={"server": uri, "reason": str(error)})
            if not opened:  # else it was told already
                listener.closed(error)
        await clock.sleep(retry.next_s())


async def _stay_signed_in(connection: MediaConnection, token: str, fresh_token: FreshToken, clock: Clock) -> None:
    """Send a fresh token shortly before each expires; a token that shows no expiry is left alone."""
    while (left_s := _seconds_left(token, clock)) is not None:
        await clock.sleep(max(left_s - _REFRESH_BEFORE_S, _LEAST_REFRESH_S))
        try:
            token = await fresh_token()
            connection.send(Authenticate(token))
        except VmsError as error:  # tried again soon; when none comes, the recorder closes and says why
            log.warning("no fresh access token", extra={"reason": str(error)})


def _seconds_left(token: str, clock: Clock) -> float | None:
    """How long an access token (JWT, RFC 7519) is still valid, unverified: only the recorder's judgement counts."""
    try:
        expires = jwt.decode(token, options={"verify_signature": False}).get("exp")
    except jwt.InvalidTokenError:
        return None
    return None if expires is None else float(expires) - clock.now_us() / 1e6
