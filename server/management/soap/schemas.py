"""The schema (XSD) of everything that operations take and answer, made of their declarations."""

from collections.abc import Iterable, Iterator

from server.management.soap.contracts import SCALARS, Contract, Guid, Value, base_of, members
from server.management.soap.dialects import ARRAYS, ELEMENTS, NAMESPACE, SERIALIZATION, Dialect
from server.management.soap.operations import OPERATIONS

ASMX_TYPES = "http://microsoft.com/wsdl/types/"
_XS = "http://www.w3.org/2001/XMLSchema"
_GUID = "[\\da-fA-F]{8}-[\\da-fA-F]{4}-[\\da-fA-F]{4}-[\\da-fA-F]{4}-[\\da-fA-F]{12}"
_NO_VALUE = (str,)
"""Plain values that may be missing; of others the default is sent."""


class Schemas:
    """Schema documents of one dialect. `location` says where another one of them is found: "" within a document."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._guids = SERIALIZATION if dialect.prefixed_arrays else ASMX_TYPES

    def main(self, guids_at: str = "", arrays_at: str = "") -> str:
        """Return the schema of the service's own types and messages."""
        contracts, lists = _used()
        parts = [
            f'<xs:schema xmlns:xs="{_XS}" xmlns:tns="{NAMESPACE}" xmlns:ser="{self._guids}" xmlns:arr="{ARRAYS}" '
            f'targetNamespace="{NAMESPACE}" elementFormDefault="qualified">',
            _import(self._guids, guids_at),
        ]
        if self._dialect.prefixed_arrays:
            parts.append(_import(ARRAYS, arrays_at))
        parts += self._messages()
        parts += (self._type(each) for each in contracts)
        parts += (self._list(each) for each in lists if each.contract is not None or not self._dialect.prefixed_arrays)
        return "".join((*parts, "</xs:schema>"))

    def guids(self) -> str:
        """Return the schema of GUIDs."""
        return (
            f'<xs:schema xmlns:xs="{_XS}" targetNamespace="{self._guids}" elementFormDefault="qualified">'
            f'<xs:simpleType name="guid"><xs:restriction base="xs:string"><xs:pattern value="{_GUID}"/>'
            "</xs:restriction></xs:simpleType></xs:schema>"
        )

    def arrays(self, guids_at: str = "") -> str:
        """Return the schema of lists of plain values."""
        lists = "".join(self._list(each) for each in _used()[1] if each.contract is None)
        return (
            f'<xs:schema xmlns:xs="{_XS}" xmlns:ser="{self._guids}" targetNamespace="{ARRAYS}" '
            f'elementFormDefault="qualified">{_import(self._guids, guids_at)}{lists}</xs:schema>'
        )

    def _messages(self) -> Iterator[str]:
        for each in OPERATIONS:
            taken = "".join(self._element(one.name, one.value) for one in each.parameters)
            yield _wrapper(each.name, taken)
            given = self._element(f"{each.name}Result", each.result) if each.result is not None else ""
            yield _wrapper(f"{each.name}Response", given)

    def _type(self, contract: type[Contract]) -> str:
        above = base_of(contract) if not self._dialect.first else None
        known = {each.name for each in members(above)} if above is not None else set()
        inside = "".join(
            self._element(each.name, each.value) for each in self._dialect.members(contract) if each.name not in known
        )
        inside = f"<xs:sequence>{inside}</xs:sequence>"
        if above is not None:
            extension = f'<xs:extension base="tns:{above.__name__}">{inside}</xs:extension>'
            inside = f'<xs:complexContent mixed="false">{extension}</xs:complexContent>'
        return f'<xs:complexType name="{contract.__name__}">{inside}</xs:complexType>'

    def _list(self, value: Value) -> str:
        contract = value.contract
        name = contract.__name__ if contract is not None else ELEMENTS[value.of]
        of = f"tns:{name}" if contract is not None else SCALARS[value.of]
        nillable = "" if value.of is Guid else ' nillable="true"'
        return (
            f'<xs:complexType name="{_list_name(value)}"><xs:sequence><xs:element minOccurs="0" maxOccurs="unbounded" '
            f'name="{name}"{nillable} type="{of}"/></xs:sequence></xs:complexType>'
        )

    def _element(self, name: str, value: Value) -> str:
        missing = value.many or value.optional or value.contract is not None or value.of in _NO_VALUE
        nillable = ' nillable="true"' if missing else ""
        return f'<xs:element minOccurs="0" name="{name}"{nillable} type="{self._type_name(value)}"/>'

    def _type_name(self, value: Value) -> str:
        contract = value.contract
        if value.many:
            prefix = "arr" if contract is None and self._dialect.prefixed_arrays else "tns"
            return f"{prefix}:{_list_name(value)}"
        return f"tns:{contract.__name__}" if contract is not None else SCALARS[value.of]


def _wrapper(name: str, inside: str) -> str:
    sequence = f"<xs:sequence>{inside}</xs:sequence>" if inside else "<xs:sequence/>"
    return f'<xs:element name="{name}"><xs:complexType>{sequence}</xs:complexType></xs:element>'


def _import(namespace: str, location: str) -> str:
    at = f' schemaLocation="{location}"' if location else ""
    return f'<xs:import namespace="{namespace}"{at}/>'


def _list_name(value: Value) -> str:
    contract = value.contract
    return f"ArrayOf{contract.__name__ if contract is not None else ELEMENTS[value.of]}"


def _used() -> tuple[list[type[Contract]], list[Value]]:
    """Return the contracts and lists that any operation uses, by name."""
    contracts: dict[str, type[Contract]] = {}
    lists: dict[str, Value] = {}

    def use(values: Iterable[Value]) -> None:
        for value in values:
            if value.many:
                lists.setdefault(_list_name(value), value)
            contract = value.contract
            if contract is not None and contract.__name__ not in contracts:
                contracts[contract.__name__] = contract
                above = base_of(contract)
                use([Value(above)] if above is not None else [])
                use(each.value for each in members(contract))

    for operation in OPERATIONS:
        use(each.value for each in operation.parameters)
        use([operation.result] if operation.result is not None else [])
    return [contracts[name] for name in sorted(contracts)], [lists[name] for name in sorted(lists)]
