"""What a recorder's refusal means to who asked management."""

from common.clients.media_asking import RecorderRefused
from common.foundation.errors import NotPermitted, VmsError
from server.management.api.answers import BadRequest, UnknownResource


def in_our_words(error: VmsError) -> VmsError:
    """Return the failure that a client knows; other failures as they are."""
    if isinstance(error, RecorderRefused):
        match error.code:
            case "not_permitted":
                return NotPermitted(str(error))
            case "not_found":
                return UnknownResource(str(error))
            case "bad_request":
                return BadRequest(str(error))
    return error
