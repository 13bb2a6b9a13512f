"""Why a media channel is closed: the WebSocket close codes that both sides use, and the failures they stand for."""

from common.foundation.errors import NotSignedIn, ProtocolError, ServerUnreachable, VmsError

BAD_MESSAGE = 4400
NOT_SIGNED_IN = 4401
TOO_MANY = 4429
GOING_AWAY = 1001


class TooManySubscriptions(VmsError):
    """More than 256 subscriptions on one connection."""

    message_key = "media.too_many_subscriptions"


class MediaConnectionLost(ServerUnreachable):
    """The connection to a recorder's media channel ended, or could not be opened."""

    message_key = "media.connection_lost"


def failure_of(code: int | None, reason: str, server: str) -> VmsError:
    """The failure that a close code stands for; `server` names the recorder."""
    if code == NOT_SIGNED_IN:
        return NotSignedIn(reason or "the recorder did not accept the access token")
    if code == BAD_MESSAGE:
        return ProtocolError(reason or "message not understood", peer=server)
    if code == TOO_MANY:
        return TooManySubscriptions(reason or "too many subscriptions", server=server)
    said = f"closed with {code}" + (f": {reason}" if reason else "") if code else "the connection broke off"
    return MediaConnectionLost(said, server=server)
