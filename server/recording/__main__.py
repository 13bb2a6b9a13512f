"""The recording server's gateway process: `python -m server.recording --data DIR [--config FILE] [--ready-fd N]`."""

import os
import sys
from contextlib import ExitStack, closing

from common.foundation.clock import SystemClock
from common.foundation.settings import load_settings
from common.net.tls import server_context
from server.recording.api.listening import bound_socket
from server.recording.archiving.plan import ArchivingPlan
from server.recording.archiving.recorder import RecorderArchives
from server.recording.configuration.enrolment import joined, own_hosts
from server.recording.configuration.feed import ConfigurationFeed
from server.recording.events.board import EventBoard
from server.recording.gateway import GatewayPlan, running_gateway
from server.recording.settings import RecordingSettings
from server.recording.storages.watching import StorageWatch
from server.runtime.audit_trail import AuditTrail
from server.runtime.daemon import Daemon, run_daemon
from server.runtime.outbox import Outbox


async def serve(started: Daemon) -> None:
    """Join the site if this recorder is new, follow its configuration, record and serve until stopped."""
    settings = load_settings(RecordingSettings, "recording", started.config, os.environ)
    recordings = settings.recordings_path(started.data)
    clock = SystemClock()
    # Bound before joining: management is told the port, which may be any free one.
    with (
        ExitStack() as opened,
        bound_socket(settings.listen, settings.media_port) as listener,
        RecorderArchives(recordings, started.data, clock, _archiving(settings)) as archives,
    ):
        port = listener.getsockname()[1]
        identity = await joined(settings, started.data, port, clock)
        outbox = opened.enter_context(closing(Outbox(started.data / "recording" / "outbox.sqlite3")))
        trail = AuditTrail(outbox, clock)
        opened.enter_context(trail.running("server.recording.audit"))
        watch = StorageWatch(started.data, recordings, clock)
        events = EventBoard(clock)
        feed = ConfigurationFeed(
            settings,
            identity,
            started.data,
            port,
            clock,
            audit=(outbox, trail),
            storages=watch.current,
            events=events,
        )
        plan = GatewayPlan(
            recordings,
            started.data,
            listener,
            server_context(identity.certificate, identity.key),
            settings.engines or os.cpu_count() or 1,
            engine_options=_engine_options(settings),
            playback_threads=settings.playback_threads,
            viewers=settings.viewers,
            seal_s=settings.seal_s,
            archives=archives,
            watch=watch,
            events=events,
            exports=settings.exports_dir,
            exports_at_once=settings.exports_at_once,
            exports_kept_days=settings.exports_kept_days,
        )
        async with running_gateway(plan, feed, archives.reader, clock) as running:
            started.ready(
                {
                    "media": f"wss://{_in_url(own_hosts(settings)[0])}:{port}/media",
                    "id": running.recorder,
                    "name": running.name,
                    "recordings": str(recordings),
                }
            )
            await started.stopped()


def _engine_options(settings: RecordingSettings) -> tuple[str, ...]:
    return (
        *("--segment-s", str(settings.segment_s)),
        *("--segment-mb", str(settings.segment_mb)),
        *("--sync-s", str(settings.sync_s)),
        *("--writer-threads", str(settings.disk_threads)),
        *("--min-free-mb", str(settings.low_free_mb)),
        *("--short-free-mb", str(settings.short_free_mb)),
        *("--reserve-mb", str(settings.reserve_mb)),
    )


def _archiving(settings: RecordingSettings) -> ArchivingPlan:
    return ArchivingPlan(
        bytes_per_s=settings.archive_mb_per_s * 1_000_000,
        scrub_days=settings.scrub_days,
        scrub_remote_days=settings.scrub_remote_days,
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _allow_many_files() -> None:
    """Ask for as many open files as the system lets us: each camera has some, and each viewer one."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    _allow_many_files()
    run_daemon("recording", serve)


if __name__ == "__main__":
    main()
