"""How a storage's new files are encrypted, as its writer is told."""

from dataclasses import dataclass, field
from typing import Protocol

from common.media.access_unit import CodecConfig
from common.media.mp4.protection import Extent, Mp4Locked, Protection, SampleCipher, new_protection


@dataclass(frozen=True, slots=True, eq=False)
class Protector:
    """A storage key in use. Pass the same object as long as nothing changes: another one begins new files."""

    storage_key: str
    extent: Extent
    secret: bytes = field(repr=False)

    def begin(self, config: CodecConfig) -> tuple[Protection, SampleCipher]:
        """Make the key of one file; return what stands in it, and what encrypts its samples."""
        protection, key = new_protection(self.storage_key, self.secret)
        return protection, SampleCipher(key, config, self.extent)


@dataclass(frozen=True, slots=True, eq=False)
class KeysMissing:
    """Files are to be encrypted, but there is no key: nothing may be recorded."""

    reason: str


class ContentKeys(Protocol):
    """Finds the keys of encrypted files."""

    def content_key(self, protection: Protection) -> bytes:
        """Raises Mp4Locked when the key is not known."""


class NoKeys:
    """For readers of what is not encrypted."""

    def content_key(self, protection: Protection) -> bytes:
        raise Mp4Locked("no keys were given")
