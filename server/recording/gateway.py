"""The recorder's gateway: puts configuration, engines, relay, playback and the port together."""

import asyncio
import contextlib
import logging
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from common.api.recorder_configuration import RecordedDevice, RecordedHardware, RecordedStorage, RecorderConfiguration
from common.foundation.clock import Clock
from common.foundation.errors import NotSignedIn, StorageError
from common.foundation.ids import DeviceId, RecorderId
from common.model.permissions import Verb
from common.net.tokens import Principal, TokenVerifier
from server.recording.access import Access
from server.recording.api.devices import DeviceDirectory
from server.recording.api.media_server import Limits, MediaServer, media_server
from server.recording.api.probing import ProcessProber
from server.recording.api.services import RecorderServices
from server.recording.archiving.recorder import RecorderArchives
from server.recording.engines import Engine, EngineCommand, EngineHost, running_engines
from server.recording.events.board import EventBoard
from server.recording.exporting.jobs import ExportJobs, ExportPlan
from server.recording.keys.chest import KeyChest
from server.recording.ledger.proof import RecordingProof
from server.recording.mediadb.contract import MediaReader
from server.recording.playback.reading import recordings_pool
from server.recording.relay.upstream import EngineLink, LiveRelay
from server.recording.remembered import Remembered
from server.recording.storages.lock_keeping import LockKeeper, keeping_locks
from server.recording.storages.places import key_folders, storage_root, storages_or_default
from server.recording.storages.reading import StoragesReader
from server.recording.storages.watching import Following, StorageWatch

log = logging.getLogger(__name__)

_PROFILES_S = 15.0  # time profiles are exact to the minute
_KEYS_AGAIN_S = 60.0  # a disk that was away gets its copy of the keys


class ConfigurationSource(Protocol):
    """Where the recorder's configuration comes from: management, or the last one kept on disk."""

    async def run(self, apply: Callable[[RecorderConfiguration], None]) -> None:
        """Call `apply` with the configuration that is in force, and again with each newer one, until cancelled."""


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """What a gateway is started with. `listener` is bound to its port; `tls` None is for tests."""

    recordings: Path
    data: Path
    listener: socket.socket
    tls: ssl.SSLContext | None
    engines: int
    engine_options: tuple[str, ...] = ()
    playback_threads: int = 4
    viewers: int = 500
    seal_s: float = 15.0
    engine_module: str = "server.recording.engine"
    archives: RecorderArchives | None = None  # None: nothing is archived or verified
    watch: StorageWatch | None = None  # None: nobody is told of it
    events: EventBoard | None = None  # likewise
    exports: Path | None = None  # folder; None: below `data`
    exports_at_once: int = 1
    exports_kept_days: float = 7.0

    def export_plan(self) -> ExportPlan:
        """Where exports go, and how many are worked on at a time."""
        folder = self.exports or self.data / "recording" / "exports"
        return ExportPlan(self.data, self.recordings, folder, self.exports_at_once, self.exports_kept_days * 86_400)


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """What can be said of a gateway that serves."""

    recorder: RecorderId
    name: str
    port: int


class CurrentTokens:
    """Checks tokens by the keys of the newest configuration."""

    def __init__(self) -> None:
        self._verifier: TokenVerifier | None = None

    def replace(self, configuration: RecorderConfiguration) -> None:
        try:
            self._verifier = TokenVerifier(configuration.jwks, configuration.issuer, configuration.revoked)
        except ValueError as wrong:  # what was believed before still holds
            log.error("token keys not usable", extra={"reason": str(wrong), "version": configuration.version})

    def verify(self, token: str) -> Principal:
        if self._verifier is None:
            raise NotSignedIn("the recorder has no token keys yet")
        return self._verifier.verify(token)


@dataclass(slots=True)
class Conductor:
    """Applies configurations, and recording by hand, to all parts."""

    host: EngineHost
    relay: LiveRelay
    links: dict[int, EngineLink]
    remembered: Remembered
    reader: MediaReader
    locks: LockKeeper
    watch: StorageWatch
    plan: GatewayPlan
    events: EventBoard
    tokens: CurrentTokens = field(default_factory=CurrentTokens)
    access: Access = field(default_factory=Access)
    devices: DeviceDirectory = field(default_factory=DeviceDirectory)
    server: MediaServer | None = None
    configuration: RecorderConfiguration | None = None
    configured: asyncio.Event = field(default_factory=asyncio.Event)
    applied: asyncio.Event = field(default_factory=asyncio.Event)
    keys_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def recorder_name(self) -> str:
        """What the recorder is called now."""
        return "" if self.configuration is None else self.configuration.name

    def storages(self) -> tuple[RecordedStorage, ...]:
        """Where the recorder's devices record now, and where their recordings go from there."""
        return () if self.configuration is None else self.configuration.storages

    def apply(self, configuration: RecorderConfiguration) -> None:
        """Have everything follow this configuration from now on."""
        self.configuration = configuration
        self.tokens.replace(configuration)
        self.access.replace(configuration)
        self.remembered.configured(configuration.hardware)
        self.devices.replace(configuration.hardware, self.remembered.devices)
        self._assign(configuration)
        storages = storages_or_default(configuration.storages, configuration.retain_minutes)
        self.locks.follow([storage_root(each, self.plan.recordings) for each in storages])
        home = {device.id: device.storage for item in configuration.hardware for device in item.devices}
        self.watch.follow(Following(storages, home))
        if self.plan.archives is not None:
            self.plan.archives.follow(configuration)
        elif isinstance(self.reader, StoragesReader):
            self.reader.follow(configuration.storages)
        if self.server is not None:
            self.server.rename(configuration.name)
            self.server.sign_out(configuration.revoked)
            self.server.permissions_changed()
        log.info(
            "configuration applied", extra={"version": configuration.version, "hardware": len(configuration.hardware)}
        )
        self.configured.set()
        self.applied.set()
        self.keys_wanted.set()

    async def follow_time(self, clock: Clock) -> None:
        """End what viewers may not watch any more because a time profile has ended; until cancelled."""
        before = self.access.profiles_now()
        while True:
            await clock.sleep(_PROFILES_S)
            now = self.access.profiles_now()
            if now != before and self.server is not None:
                self.server.permissions_changed()
            before = now

    async def keep_remembering(self) -> None:
        """Note after each configuration what must survive a restart; until cancelled."""
        while True:
            await self.applied.wait()
            self.applied.clear()
            await self.remembered.save()

    async def keep_keys(self, keys: KeyChest, recordings: Path, clock: Clock) -> None:
        """Make and keep the keys of encrypted storages, after each configuration and now and then; until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KEYS_AGAIN_S):
                    await self.keys_wanted.wait()
            self.keys_wanted.clear()
            for storage in self.storages():
                if storage.encryption == "None":
                    continue
                folders, now_us = key_folders(storage, recordings), clock.now_us()
                try:
                    await asyncio.to_thread(keys.follow, storage.id, storage.password, now_us, folders, storage.keys)
                except StorageError as error:
                    log.error("keys not kept", extra={"storage": storage.name, "reason": str(error)})

    async def set_manual(self, device: DeviceId, on: bool) -> None:
        """Record a device by hand, or no more; asked for by viewers."""
        if on:
            self.remembered.by_hand.add(device)
        else:
            self.remembered.by_hand.discard(device)
        if self.configuration is not None:
            self._assign(self.configuration)
        await self.remembered.save()

    def _assign(self, configuration: RecorderConfiguration) -> None:
        self.events.follow(configuration, self.remembered.by_hand)
        placed = self.host.assign(
            configuration.hardware, configuration.retain_minutes, self.remembered.by_hand, configuration.storages
        )
        places: dict[DeviceId, EngineLink | None] = {}
        for item in configuration.hardware:
            for device in item.devices:
                places[device.id] = self._link(placed[item.id], item, device)
        self.relay.place(places)

    def _link(self, engine: Engine, item: RecordedHardware, device: RecordedDevice) -> EngineLink | None:
        return self.links[engine.number] if item.enabled and device.enabled else None


@asynccontextmanager
async def running_gateway(
    plan: GatewayPlan, source: ConfigurationSource, reader: MediaReader, clock: Clock
) -> AsyncIterator[RunningGateway]:
    """Serve until left: entered when the port answers, left when the engines have sealed their files."""
    remembered = await asyncio.to_thread(Remembered, plan.data)
    watch = plan.watch or StorageWatch(plan.data, plan.recordings, clock)
    events = plan.events or EventBoard(clock)
    with (
        closing(RecordingProof(plan.data, reader, clock.now_us)) as proof,
        tempfile.TemporaryDirectory(prefix="vedette-") as sockets,  # short: a socket's path has 108 bytes
    ):
        command = EngineCommand(
            plan.recordings, plan.data, Path(sockets), plan.engine_options, plan.seal_s, plan.engine_module
        )
        async with (
            running_engines(plan.engines, command, clock, events.engine_said) as host,
            recordings_pool(reader, plan.playback_threads, proof) as recordings,
            keeping_locks(plan.data, clock) as locks,
            asyncio.TaskGroup() as tasks,
        ):
            watch.lost_bytes = host.lost_bytes
            if plan.archives is not None:
                watch.archive_problems = plan.archives.problems
            links = {engine.number: EngineLink(engine.socket, clock) for engine in host.engines}
            conductor = Conductor(host, LiveRelay(clock), links, remembered, reader, locks, watch, plan, events)
            running = [tasks.create_task(link.run(), name=f"engine {number} link") for number, link in links.items()]
            running.append(tasks.create_task(conductor.keep_remembering(), name="remembering"))
            running.append(tasks.create_task(conductor.follow_time(clock), name="time profiles"))
            running.append(tasks.create_task(watch.run(), name="storage status"))
            running.append(tasks.create_task(locks.run(), name="evidence locks"))
            keeping_keys = conductor.keep_keys(KeyChest(plan.data), plan.recordings, clock)
            running.append(tasks.create_task(keeping_keys, name="storage keys"))
            running.append(tasks.create_task(source.run(conductor.apply), name="configuration"))
            if plan.archives is not None:
                running.append(tasks.create_task(plan.archives.run(), name="archiving"))
            await conductor.configured.wait()
            configuration = conductor.configuration
            assert configuration is not None
            exports = ExportJobs(
                plan.export_plan(),
                configuration.recorder,
                conductor.recorder_name,
                clock,
                conductor.storages,
                may_export=lambda who, device: conductor.access.may(who, Verb.EXPORT, device),
            )
            running.append(tasks.create_task(exports.run(), name="exports"))
            services = RecorderServices(
                configuration.recorder,
                configuration.name,
                conductor.tokens,
                conductor.access,
                conductor.devices,
                conductor.relay,
                recordings,
                ProcessProber(),
                conductor,
                exports,
                locks,
                watch,
                clock,
            )
            try:
                async with media_server(services, plan.listener, plan.tls, Limits(plan.viewers)) as server:
                    conductor.server = server
                    yield RunningGateway(configuration.recorder, configuration.name, server.port)
            finally:
                for task in running:
                    task.cancel()
