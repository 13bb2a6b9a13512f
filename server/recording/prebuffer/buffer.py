"""A pre-buffer of pieces, oldest first: those on disk, then those that are not there yet."""

from collections import deque
from collections.abc import Iterator

from common.foundation.clock import US_PER_S
from server.recording.ingest.prebuffer import MOST_S
from server.recording.prebuffer.pieces import Piece, Place

MOST_MEMORY_BYTES = 32 << 20


class PieceBuffer:
    """Bounded by age as a whole, and by age and size as far as it is in memory. It always begins with a keyframe."""

    def __init__(self, length_us: int) -> None:
        self.length_us = length_us
        self.pieces: deque[Piece] = deque()
        self.memory_bytes = 0

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.memory_bytes += piece.size_bytes

    def in_memory(self) -> Iterator[Piece]:
        """Those not on disk, oldest first."""
        return (piece for piece in self.pieces if piece.place is None)

    def moved(self, piece: Piece, place: Place) -> None:
        """A piece is on disk now."""
        if piece.dropped:
            place.keeper.let_go(place)
            return
        piece.place, piece.units = place, None
        self.memory_bytes -= piece.size_bytes

    def take_oldest(self) -> Piece:
        """Remove a piece; whoever takes it lets go of its place."""
        piece = self.pieces.popleft()
        piece.dropped = True  # should it be on its way to the disk
        if piece.place is None:
            self.memory_bytes -= piece.size_bytes
        return piece

    def drop_oldest(self) -> list[Piece]:
        """Drop pieces up to the next that begins with a keyframe; return them."""
        dropped = [self._drop()]
        while self.pieces and not self.pieces[0].begins:
            dropped.append(self._drop())
        return dropped

    def _drop(self) -> Piece:
        piece = self.take_oldest()
        if piece.place is not None:
            piece.place.keeper.let_go(piece.place)
        piece.units = None
        return piece

    def trim(self, newest_us: int) -> None:
        """Drop what is older than the keyframe that covers the beginning."""
        while self.pieces and self._after_first_gop(newest_us) >= self.length_us:
            self.drop_oldest()

    def _after_first_gop(self, newest_us: int) -> int:
        """How much the buffer would cover without its first GOP."""
        pieces = iter(self.pieces)
        next(pieces)
        second = next((piece for piece in pieces if piece.begins), None)
        return -1 if second is None else newest_us - second.start

    def _memory_exceeded(self, newest_us: int, *, by_age: bool) -> bool:
        """Whether more is in memory than may be, since the disk does not take it."""
        if self.memory_bytes > MOST_MEMORY_BYTES:
            return True
        if not by_age or not self.memory_bytes:
            return False
        in_memory = self.in_memory()
        next(in_memory)
        second = next((piece for piece in in_memory if piece.begins), None)
        return second is not None and newest_us - second.start >= MOST_S * US_PER_S

    def drop_from_memory(self, newest_us: int, *, by_age: bool) -> list[Piece]:
        """Drop the oldest until what is in memory is what may be; return what was dropped."""
        dropped: list[Piece] = []
        while self.pieces and self._memory_exceeded(newest_us, by_age=by_age):
            dropped += self.drop_oldest()
        return dropped

    def clear(self) -> None:
        while self.pieces:
            self._drop()
