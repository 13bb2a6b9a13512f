"""SOAP 1.1 messages: what is asked, with which arguments, and refusals (W3C note of 8 May 2000, section 4)."""

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from common.foundation.clock import UtcUs, utc_us
from common.foundation.errors import VmsError
from server.management.soap.contracts import NO_GUID, Guid
from server.management.soap.dialects import NAMESPACE
from server.management.soap.xml_reader import Element, read_xml

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_MOST_GUIDS = 10_000
_MOST_TEXT = 16_384
_FRACTION = re.compile(r"(\.\d{6})\d+")  # of a second: finer than we keep


class SoapFault(VmsError):
    """A message that is refused; `code` is a fault's, without prefix."""

    message_key = "error.soap_fault"

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class BadCall(SoapFault):
    """The caller's mistake."""

    def __init__(self, text: str) -> None:
        super().__init__("Client", text)


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked. Arguments are found by name, in whatever namespace and order a client writes them."""

    operation: str
    arguments: Element

    def text(self, name: str) -> str:
        """Return an argument as text, "" where it is missing; raise BadCall."""
        found = self.arguments.child(name)
        if found is None:
            return ""
        if found.children or len(found.text) > _MOST_TEXT:
            raise BadCall(f"{name} of {self.operation} must be a text of at most {_MOST_TEXT} characters.")
        return found.text.strip()

    def guid(self, name: str) -> Guid:
        """Return an argument that names an item, in lower case; zeros where it is missing; raise BadCall."""
        text = self.text(name)
        return self._guid(name, text) if text else NO_GUID

    def guids(self, name: str) -> tuple[Guid, ...]:
        """Return a list of ids, whatever its elements are called; raise BadCall."""
        found = self.arguments.child(name)
        if found is None:
            return ()
        if len(found.children) > _MOST_GUIDS:
            raise BadCall(f"{name} of {self.operation} may name {_MOST_GUIDS} items at most.")
        return tuple(self._guid(name, each.text.strip()) for each in found.children)

    def moment(self, name: str) -> UtcUs:
        """Return a time; one without a zone is UTC; raise BadCall."""
        try:
            moment = datetime.fromisoformat(_FRACTION.sub(r"\1", self.text(name)))
            return utc_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise BadCall(f"{name} of {self.operation} must be a time such as 2026-05-01T12:00:00Z.") from None

    def _guid(self, name: str, text: str) -> Guid:
        try:
            return Guid(str(uuid.UUID(text)))
        except ValueError:
            raise BadCall(f"{name} of {self.operation} must be a GUID.") from None


def read_call(body: bytes, action: str) -> Call:
    """Return what a message asks; `action` is the header SOAPAction, "" for none. Raises BadXml, SoapFault."""
    envelope = read_xml(body)
    if envelope.name != "Envelope":
        raise BadCall("This is no SOAP message.")
    if envelope.namespace != _SOAP:
        raise SoapFault("VersionMismatch", "Only SOAP 1.1 is understood.")
    header = envelope.child("Header", _SOAP)
    for entry in header.children if header is not None else ():
        if entry.attributes.get(f"{{{_SOAP}}}mustUnderstand") in ("1", "true"):
            raise SoapFault("MustUnderstand", f"The header {entry.name[:80]} is not understood.")
    content = envelope.child("Body", _SOAP)
    if content is None or len(content.children) != 1:
        raise BadCall("The message's body must hold one operation.")
    asked = content.children[0]
    if asked.namespace != NAMESPACE:
        raise BadCall(f"Operations are of the namespace {NAMESPACE}.")
    wanted = action.strip().strip('"').rpartition("/")[2]
    if wanted and wanted != asked.name:
        raise BadCall(f"SOAPAction asks for {wanted[:80]}, the body for {asked.name[:80]}.")
    return Call(asked.name, asked)
