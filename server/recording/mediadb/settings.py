"""What can be set about writing recordings, with the defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a storage keeps. `retain_minutes`: the age at which it lets go of a recording for good. `most_bytes` 0: no
    limit. `archived`: there is a stage behind that takes what is old, so nothing else is deleted in its place."""

    retain_minutes: int
    most_bytes: int = 0
    archived: bool = False


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """Settings of one storage. Sizes in bytes, times in seconds unless the name says otherwise."""

    segment_s: float = 300.0
    segment_bytes: int = 64 << 20
    fragment_s: float = 1.0
    fragment_bytes: int = 8 << 20  # a fragment that grows larger is closed early
    sync_interval_s: float = 5.0  # what a power cut can cost
    queue_bytes: int = 256 << 20  # waiting for the disk, all tracks together; more is dropped
    writer_threads: int = 2
    preallocate_bytes: int = 8 << 20  # 0: none
    retain_minutes: int = 10_080
    most_bytes: int = 0  # of the recordings; 0: no limit
    archived: bool = False  # see Limits
    min_free_bytes: int = 5 << 30  # below it the oldest recordings go, to an archive where there is one
    short_free_bytes: int = 1 << 30  # below it they are deleted
    keep_newest_short_minutes: int = 10  # and so much is never claimed
    keep_newest_minutes: int = 60  # which free space never claims
    reserve_bytes: int = 250 << 20  # kept free: below it writing stops until space returns
    cleaning_interval_s: float = 60.0
    cleaning_batch: int = 200  # most segments deleted in one round
    seals: bool = True  # off only to measure what they cost
    expected_storage_id: str | None = None  # refuse a root that is not this storage (an unmounted disk)

    @property
    def limits(self) -> Limits:
        return Limits(self.retain_minutes, self.most_bytes, self.archived)
