"""Reads small XML documents from strangers: no document type, no entities, and limits on everything that grows."""

from dataclasses import dataclass
from xml.parsers import expat

from common.foundation.errors import VmsError

MOST_DEPTH = 24
MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 64  # of one element
MOST_BYTES = 1024 * 1024
_GAP = "\n"  # between namespace and name; neither can hold it


class BadXml(VmsError):
    """A document that is not well-formed, or holds more than any request of ours needs."""

    message_key = "error.bad_xml"


@dataclass(frozen=True, slots=True)
class Element:
    """An element: its own text without that of its children. `attributes` by name, with the namespace in braces."""

    namespace: str
    name: str
    attributes: dict[str, str]
    children: tuple["Element", ...]
    text: str

    def child(self, name: str, namespace: str | None = None) -> "Element | None":
        """Return the first child of a name; None when there is none."""
        for each in self.children:
            if each.name == name and namespace in (None, each.namespace):
                return each
        return None


def read_xml(document: bytes) -> Element:
    """Return the root of a document; raise BadXml."""
    if len(document) > MOST_BYTES:
        raise BadXml(f"the document is longer than {MOST_BYTES} bytes")
    building = _Building()
    parser = expat.ParserCreate(namespace_separator=_GAP)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = building.refuse_doctype
    parser.StartElementHandler = building.begin
    parser.EndElementHandler = building.end
    parser.CharacterDataHandler = building.say
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter two: an encoding that nobody knows
        raise BadXml(f"the document is not well-formed: {error}") from error
    assert building.root is not None, "a document without a root is not well-formed"
    return building.root


class _Open:
    """An element whose end has not come yet."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text: list[str] = []


class _Building:
    """Makes elements of what the parser tells."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[_Open] = []
        self._elements = 0

    def refuse_doctype(self, *_: object) -> None:
        raise BadXml("a document type is not allowed")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= MOST_DEPTH:
            raise BadXml(f"elements are nested deeper than {MOST_DEPTH}")
        if self._elements > MOST_ELEMENTS:
            raise BadXml(f"there are more than {MOST_ELEMENTS} elements")
        if len(attributes) > MOST_ATTRIBUTES:
            raise BadXml(f"an element has more than {MOST_ATTRIBUTES} attributes")
        self._open.append(_Open(name, {_braced(each): value for each, value in attributes.items()}))

    def say(self, text: str) -> None:
        self._open[-1].text.append(text)

    def end(self, _: str) -> None:
        done = self._open.pop()
        namespace, _, name = done.name.rpartition(_GAP)
        element = Element(namespace, name, done.attributes, tuple(done.children), "".join(done.text))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element


def _braced(name: str) -> str:
    namespace, gap, local = name.rpartition(_GAP)
    return f"{{{namespace}}}{local}" if gap else local
