"""What an administrator may set for a recording server: table `[recording]`."""

import socket
from pathlib import Path

from common.foundation.settings import Settings, setting


class RecordingSettings(Settings):
    """The recording server of this machine. What it records is not set here but in the Management Client."""

    name: str = setting("", "Name shown to operators. Empty: the machine's host name.", max_length=200)
    listen: str = setting("0.0.0.0", "Address of the network card that viewers connect to; 0.0.0.0 is all of them.")
    media_port: int = setting(
        7563, "Port for live pictures and recordings. 0 takes any free one.", unit="TCP port", ge=0, le=65_535
    )
    hosts: tuple[str, ...] = setting(
        (),
        "Names and addresses under which viewers reach this recorder; they go into its certificate. "
        "Empty: the host name and every address of the machine.",
    )
    management_url: str = setting(
        "https://127.0.0.1:8443",
        "Address of the management server, as https://host:port.",
        pattern=r"^https://[^/\s@]+/?$",
    )
    other_management_urls: tuple[str, ...] = setting(
        (), "Where else management may serve: the servers that stand by for it, each as https://host:port."
    )
    management_ca_file: Path | None = setting(
        None,
        "Certificate of the authority that signed the management server's, in PEM. Needed when management runs on "
        "another machine; on the same one it is found in the data folder.",
    )
    enrolment_token: str = setting(
        "",
        "One-time token with which this recorder joins the system, made in the Management Client. "
        "Empty: the file enrolment-token in the data folder.",
        repr=False,
    )
    recordings_dir: Path | None = setting(None, "Folder for recordings. Not set: recording/media in the data folder.")
    exports_dir: Path | None = setting(
        None, "Folder in which exports are made and kept. Not set: recording/exports in the data folder."
    )
    exports_at_once: int = setting(1, "Exports worked on at a time; others wait.", ge=1, le=16)
    exports_kept_days: int = setting(7, "How long the result of an export is kept.", unit="days", ge=1, le=365)
    engines: int = setting(0, "Processes that read cameras. 0: one per processor core.", ge=0, le=256)
    segment_s: int = setting(300, "Longest time one recording file covers.", unit="seconds", ge=10, le=3_600)
    segment_mb: int = setting(64, "Largest size of one recording file.", unit="megabytes", ge=1, le=4_096)
    sync_s: int = setting(
        5, "How often recordings are forced to disk: what a power cut can cost.", unit="seconds", ge=1, le=30
    )
    disk_threads: int = setting(4, "Threads that write recordings, per engine.", ge=1, le=64)
    archive_mb_per_s: int = setting(
        0,
        "Most that one archiving job moves. 0: as fast as the disks allow while nobody else needs them.",
        unit="megabytes per second",
        ge=0,
        le=100_000,
    )
    scrub_days: float = setting(
        30.0,
        "Time in which everything stored on local disks is read once and verified. 0: never.",
        unit="days",
        ge=0,
        le=3_650,
    )
    scrub_remote_days: float = setting(
        0.0,
        "The same for archives in object stores, which has them download everything. 0: never.",
        unit="days",
        ge=0,
        le=3_650,
    )
    low_free_mb: int = setting(
        5_120,
        "Free space of a disk below which recordings move to the next archive early, or the oldest are deleted where "
        "there is none.",
        unit="megabytes",
        ge=0,
    )
    short_free_mb: int = setting(
        1_024, "Free space below which the oldest recordings are deleted at any rate.", unit="megabytes", ge=0
    )
    reserve_mb: int = setting(
        250, "Free space that is never written to: recording stops until space returns.", unit="megabytes", ge=0
    )
    playback_threads: int = setting(4, "Threads that read recordings for viewers.", ge=1, le=64)
    viewers: int = setting(500, "Viewer connections accepted at a time.", ge=1, le=10_000)
    seal_s: float = setting(
        15.0, "Time to finish open recording files when the recorder is stopped.", unit="seconds", ge=1, le=300
    )

    def shown_name(self) -> str:
        """Return the name operators see."""
        return self.name or socket.gethostname()

    def recordings_path(self, data: Path) -> Path:
        """Return the folder for recordings."""
        return self.recordings_dir or data / "recording" / "media"
