"""Reading bit fields of coded video headers (ISO/IEC 14496-10, 7.2 and 9.1; ISO/IEC 23008-2, 9.2)."""

from common.foundation.errors import ProtocolError


class BitReader:
    """Reads bits, most significant first; raises ProtocolError when the data ends too soon."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    @property
    def left_bits(self) -> int:
        return self._left

    def u(self, bits: int) -> int:
        """Return an unsigned number of `bits` bits."""
        if bits > self._left:
            raise ProtocolError("a video header ends too soon", peer="The camera")
        self._left -= bits
        return (self._value >> self._left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        return self.u(1) == 1

    def skip(self, bits: int) -> None:
        self.u(bits)

    def ue(self) -> int:
        """Return an unsigned Exp-Golomb number of at most 32 bits."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise ProtocolError("a number in a video header is too long", peer="The camera")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Return a signed Exp-Golomb number."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
