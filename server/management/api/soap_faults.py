"""Failures as SOAP faults, in the words that existing clients look for."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response

from common.foundation.catalog import explain
from common.foundation.errors import NotPermitted, NotSignedIn, VmsError
from server.management.api.answers import BadRequest
from server.management.configuration.items import NoSuchItem
from server.management.database.lease import LeaseLost
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway
from server.management.soap.envelope import SoapFault
from server.management.soap.xml_reader import BadXml
from server.management.soap.xml_writer import fault

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/xml"
_VMO = "51000"  # with it go the texts that begin with VMO


def faulted(error: VmsError) -> Response:
    """Return what a failure means to a client."""
    match error:
        case SoapFault():
            return _answer(error.code, str(error))
        case BadXml() | BadRequest():
            return _answer("Client", explain(error))
        case NotSignedIn():
            return _answer(_VMO, f"VMO61008: Token validation failed: {error}.")
        case NotPermitted():
            return _answer(_VMO, "VMO61008: You do not have sufficient permissions to complete the operation.")
        case NoSuchItem():
            return _answer(_VMO, f"VMO61008: Item not found. {error}")
        case DatabaseAway() | LeaseLost():
            return later(explain(error))
        case _:
            log.error("call failed", extra={"cause": str(error)})
            return _answer("Server", explain(error))


def later(text: str) -> Response:
    """Return a failure that passes, with when to ask again (RFC 9110, 10.2.3)."""
    answer = _answer("Server", text, HTTPStatus.SERVICE_UNAVAILABLE)
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def refused(challenges: Sequence[str], text: str) -> Response:
    """Ask for a sign-in; `challenges` as in WWW-Authenticate (RFC 9110, 11.6.1)."""
    answer = _answer(_VMO, f"VMO61008: {text}", HTTPStatus.UNAUTHORIZED)
    for each in challenges:
        answer.headers.append("WWW-Authenticate", each)
    return answer


def _answer(code: str, text: str, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR) -> Response:
    return Response(fault(code, text), status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
