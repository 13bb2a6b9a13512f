"""An encrypted segment that is made of another with fewer pictures: read with the old key, written with one of its own.

The new content key is wrapped with the same storage key. Counter mode must never use a key twice for different bytes,
so the old key is not used again. Every sample is encrypted, also where only keyframes were: never less than before.
"""

from collections.abc import Sequence
from typing import Protocol

from common.media.access_unit import AccessUnit, CodecConfig
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.protection import Buffer, Mp4Locked, Protection, SampleCipher, key_box
from common.media.mp4.reader import InitSegment, read_units
from server.recording.mediadb.protecting import ContentKeys


class RenewableKeys(ContentKeys, Protocol):
    """Knows the keys of files, and makes new ones."""

    def renewed(self, protection: Protection) -> tuple[Protection, bytes]:
        """Another content key under the same storage key. Raises Mp4Locked when that is not known."""


class NoRenewableKeys:
    """Where nothing is encrypted."""

    def content_key(self, protection: Protection) -> bytes:
        raise Mp4Locked("no keys were given")

    def renewed(self, protection: Protection) -> tuple[Protection, bytes]:
        raise Mp4Locked("no keys were given")


class Plain:
    """The samples of a segment that is not encrypted."""

    def head(self, head: bytes) -> bytes:
        """The beginning of the new file, seals aside, made from the old one's."""
        return head

    def read(self, fragment: bytes, config: CodecConfig) -> list[AccessUnit]:
        return read_units(fragment, config)

    def written(self, units: Sequence[AccessUnit]) -> tuple[list[Buffer], bytes]:
        """What stands for the units in the new file, and the boxes that go into its header."""
        return [unit.data for unit in units], b""


class Rekeyed(Plain):
    """Those of one that is. Making it raises Mp4Locked when its key is not known."""

    def __init__(self, protection: Protection, config: CodecConfig, keys: RenewableKeys) -> None:
        self._old = protection
        self._old_key = keys.content_key(protection)
        self._new, key = keys.renewed(protection)
        self._cipher = SampleCipher(key, config, "Strong")

    def head(self, head: bytes) -> bytes:
        """Raises Mp4Damaged where the old key does not stand where it should."""
        box, made = key_box(self._old), key_box(self._new)
        if head.count(box) != 1 or len(made) != len(box):
            raise Mp4Damaged("its wrapped key was not written by us")
        head = head.replace(box, made)
        if head.count(self._old.key_id) != 1:  # in `tenc`
            raise Mp4Damaged("the id of its key is not where it should be")
        return head.replace(self._old.key_id, self._new.key_id)

    def read(self, fragment: bytes, config: CodecConfig) -> list[AccessUnit]:
        return read_units(fragment, config, key=self._old_key)

    def written(self, units: Sequence[AccessUnit]) -> tuple[list[Buffer], bytes]:
        return self._cipher.encrypt(units)


def samples_of(init: InitSegment, keys: RenewableKeys) -> Plain:
    """How to read and write the samples of a segment. Raises Mp4Locked."""
    return Plain() if init.protection is None else Rekeyed(init.protection, init.config, keys)
