"""The two ways in which the same service is written: as `.svc` (data contracts) and as the older `.asmx`."""

from dataclasses import dataclass

from server.management.soap.contracts import Contract, Guid, Member, members

NAMESPACE = "http://videoos.net/2/XProtectCSServerCommand"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
SERIALIZATION = "http://schemas.microsoft.com/2003/10/Serialization/"


@dataclass(frozen=True, slots=True)
class Dialect:
    """`prefixed_arrays`: lists of plain values have elements of another namespace. `first`: names of members that come
    before all others."""

    prefixed_arrays: bool
    first: frozenset[str]
    action: str
    """What a SOAPAction begins with; the operation's name follows."""

    def members(self, contract: type[Contract]) -> tuple[Member, ...]:
        """Return a contract's members in the order of this dialect."""
        found = members(contract)
        if not self.first:
            return found
        return tuple(sorted(found, key=lambda each: each.name not in self.first))


SVC = Dialect(True, frozenset(), f"{NAMESPACE}/IServerCommandService/")
ASMX = Dialect(False, frozenset({"Token"}), f"{NAMESPACE}/")

ELEMENTS: dict[object, str] = {Guid: "guid", str: "string", int: "int"}
"""What plain values are called in lists."""
