"""Export jobs of a recorder: asked for on the media channel, worked off by processes, fetched over HTTP."""

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import uvloop

from common.api.exporting import ExportItem, ExportJob, ExportRequest, ExportSpan
from common.clients.exports import ExportDownloads, ExportGone
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.errors import NotSignedIn
from common.foundation.ids import UserId
from common.media.access_unit import PRIMARY
from common.net.certificates import create_authority, issue_certificate
from common.net.tls import pinned_context, server_context
from common.net.tokens import Principal
from common.protocols.media_channel.messages import (
    Error,
    ExportControl,
    ExportCreate,
    ExportEstimated,
    ExportList,
    Exports,
)
from server.recording.exporting import jobs as jobs_module
from server.recording.exporting.errors import ExportRefused, NoRoom, NoSuchExport, TooManyExports
from server.recording.exporting.jobs import ExportJobs, ExportPlan
from server.recording.mediadb.contract import TrackKey
from tests.support.recorded_films import T0, record, stamped
from tests.support.recorder_rig import CAMERA, MICROPHONE, Rig, recorder_rig, viewing

ANNA = Principal(UserId("anna"), "anna", frozenset(("operators",)), 2**40, "j1")
BERT = Principal(UserId("bert"), "bert", frozenset(("operators",)), 2**40, "j2")
ADMIN = Principal(UserId("root"), "root", frozenset(("administrators",)), 2**40, "j3")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of a camera, and the same an hour later, when its pictures are large."""
    root = tmp_path_factory.mktemp("recordings")
    config, units = stamped()
    filler = (400_000).to_bytes(4, "big") + b"\x0c" + b"\xff" * 399_998 + b"\x80"  # a NAL unit that decoders skip
    hour = [replace(unit, data=unit.data + filler, utc_us=UtcUs(unit.utc_us + 3_600_000_000)) for unit in units]
    record(root, (TrackKey(CAMERA, PRIMARY), config, [*units, *hour]))
    return root


def wanted(*starts_s: float, length_s: float = 4.0, **more: object) -> ExportRequest:
    """A film of each start."""
    spans = tuple(
        ExportSpan(start_us=T0 + round(at * 1e6), end_us=T0 + round((at + length_s) * 1e6)) for at in starts_s
    )
    return ExportRequest.model_validate({"items": [{"device": CAMERA, "name": "Door", "spans": spans}], **more})


@dataclass
class Running:
    jobs: ExportJobs
    plan: ExportPlan

    async def until(self, job: ExportJob, condition: Callable[[ExportJob], bool]) -> ExportJob:
        async with asyncio.timeout(60):
            while not condition(self.jobs.status(job.id, ADMIN)):
                await asyncio.sleep(0.02)
        return self.jobs.status(job.id, ADMIN)

    async def ended(self, job: ExportJob) -> ExportJob:
        return await self.until(job, lambda now: now.state in ("done", "failed", "cancelled"))

    def result(self, job: ExportJob) -> Path:
        return self.plan.folder / job.id / "files"


@asynccontextmanager
async def running_jobs(data: Path, recordings: Path, **more: object) -> AsyncIterator[Running]:
    plan = ExportPlan(data, recordings, data / "exports", min_free_bytes=0)
    plan = replace(plan, **more)  # type: ignore[arg-type]
    jobs = ExportJobs(plan, "recorder-1", lambda: "Recorder", SystemClock(), may_export=lambda who, device: True)
    task = asyncio.create_task(jobs.run())
    try:
        yield Running(jobs, plan)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def exporters() -> list[psutil.Process]:
    """Exporting processes that this test started."""
    found = psutil.Process().children(recursive=True)
    return [process for process in found if "server.recording.exporting" in " ".join(process.cmdline())]


async def test_a_job_from_beginning_to_end(tmp_path: Path, recordings: Path) -> None:
    async with running_jobs(tmp_path, recordings) as rig:
        job = await rig.jobs.create(wanted(0, 3602, comment="Case 7"), ANNA)
        done = await rig.ended(job)
        assert (done.state, done.percent, done.error) == ("done", 100.0, "")
        assert [file.name.rpartition(".")[2] for file in done.files] == ["mp4", "mp4", "json"]
        for file in done.files:
            data = (rig.result(job) / file.name).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size_bytes, file.sha256)
        about = json.loads((rig.result(job) / "export.json").read_text())
        assert (about["exported_by"], about["comment"]) == ("anna", "Case 7")
        assert done.expires_us > done.created_us
        assert rig.jobs.seen_by(BERT) == []
        assert rig.jobs.seen_by(ADMIN) == [done]
        with pytest.raises(NoSuchExport):
            await rig.jobs.control(job.id, "remove", BERT)
        await rig.jobs.control(job.id, "remove", ANNA)
        assert not (rig.plan.folder / job.id).exists()
    assert exporters() == []


async def test_what_is_refused(tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_jobs(tmp_path, recordings, most_jobs=1) as rig:
        with pytest.raises(ExportRefused):
            await rig.jobs.create(wanted(100), ANNA)
        with monkeypatch.context() as patch:
            patch.setattr("server.recording.exporting.job_files.JobFiles.free_bytes", lambda self: 50_000_000)
            with pytest.raises(NoRoom) as refused:
                await rig.jobs.create(wanted(3600, length_s=10), ANNA)
        assert refused.value.params["needed"]
        assert not list(rig.plan.folder.glob("*"))
        job = await rig.jobs.create(wanted(0), ANNA)
        with pytest.raises(TooManyExports):
            await rig.jobs.create(wanted(0), ANNA)
        await rig.ended(job)
        with pytest.raises(ExportRefused):
            await rig.jobs.control(job.id, "pause", ANNA)


async def test_pause_resume_and_cancel(tmp_path: Path, recordings: Path) -> None:
    async with running_jobs(tmp_path, recordings) as rig:
        job = await rig.jobs.create(wanted(0, 1, 2, 3, format="avi"), ANNA)
        waiting = await rig.jobs.create(wanted(0), ANNA)
        await rig.until(job, lambda now: now.state == "running")
        assert (await rig.jobs.control(job.id, "pause", ANNA)).state == "paused"
        await asyncio.sleep(0.5)
        standing = rig.jobs.status(job.id, ANNA)
        assert standing.state == "paused"
        assert rig.jobs.status(waiting.id, ANNA).state == "queued"  # one at a time
        await rig.jobs.control(job.id, "resume", ANNA)
        assert (await rig.ended(job)).state == "done"
        assert (await rig.ended(waiting)).state == "done"
        other = await rig.jobs.create(wanted(3600, length_s=9, format="avi"), ANNA)
        await rig.until(other, lambda now: now.state == "running")
        cancelled = await rig.jobs.control(other.id, "cancel", ANNA)
        assert cancelled.state == "cancelled"
        assert not rig.result(other).exists()
        assert exporters() == []


async def test_an_exporting_process_that_is_killed(tmp_path: Path, recordings: Path) -> None:
    """The job goes on in another one, and its result is whole."""
    async with running_jobs(tmp_path, recordings) as rig:
        job = await rig.jobs.create(wanted(0, 1, 2, 3600, format="avi"), ANNA)
        await rig.until(job, lambda now: now.state == "running" and bool(exporters()))
        (process,) = exporters()
        process.send_signal(signal.SIGKILL)
        done = await rig.ended(job)
        assert done.state == "done", done.error
        assert len(done.files) == 5
        for file in done.files:
            assert hashlib.sha256((rig.result(job) / file.name).read_bytes()).hexdigest() == file.sha256


async def test_one_that_dies_again_and_again_fails(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MODULE", "tests.support.no_such_module")
    async with running_jobs(tmp_path, recordings) as rig:
        failed = await rig.ended(await rig.jobs.create(wanted(0), ANNA))
        assert failed.state == "failed"
        assert "three times" in failed.error


RECORDER = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_export_jobs import ANNA, SystemClock, running_jobs, wanted
async def main():
    async with running_jobs(Path(sys.argv[1]), Path(sys.argv[2])) as rig:
        job = await rig.jobs.create(wanted(0, 3600, 3601, 3602, 3603, length_s=6, format=sys.argv[3]), ANNA)
        while True:
            now = rig.jobs.status(job.id, ANNA)
            print(job.id, now.done_bytes, len(list(rig.result(job).glob("*.mp4"))), flush=True)
            await asyncio.sleep(0.01)
asyncio.run(main())
"""


@pytest.mark.parametrize(("kind", "progress"), [("mp4", 1), ("mp4", 60_000_000), ("package", 1)])
async def test_the_recorder_killed_in_mid_job(tmp_path: Path, recordings: Path, kind: str, progress: int) -> None:
    """kill -9, start again: the job goes on, and nothing half done is ever shown as done."""
    command = [sys.executable, "-c", RECORDER, str(tmp_path), str(recordings), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                job_id, done_bytes, _ = line.split()
                if int(done_bytes) >= progress:
                    break
        finally:
            process.kill()
    kept = json.loads((tmp_path / "exports" / job_id / "job.json").read_text())
    assert kept["status"]["state"] != "failed"
    async with running_jobs(tmp_path, recordings) as rig:
        async with asyncio.timeout(10):
            while not rig.jobs.seen_by(ADMIN):
                await asyncio.sleep(0.01)
        (job,) = rig.jobs.seen_by(ADMIN)
        done = await rig.ended(job)
        assert done.state == "done", done.error
        assert len(done.files) == (6 if kind == "mp4" else 1)
        on_disk = {
            path.relative_to(rig.result(job)).as_posix() for path in rig.result(job).rglob("*") if path.is_file()
        }
        assert on_disk == {file.name for file in done.files}
        for file in done.files:
            assert hashlib.sha256((rig.result(job) / file.name).read_bytes()).hexdigest() == file.sha256


async def test_a_full_disk(tmp_path: Path, recordings: Path) -> None:
    """What is written stops at a limit, as on a full disk: the job says so, leaves no half file, and can go on."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with running_jobs(tmp_path, recordings) as rig:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, before[1]))  # the exporting process inherits it
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            failed = await rig.ended(await rig.jobs.create(wanted(0, 3600), ANNA))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert failed.state == "failed"
        assert os.strerror(errno.EFBIG) in failed.error
        assert not [path for path in rig.result(failed).rglob("*") if path.suffix == ".part"]
        await rig.jobs.control(failed.id, "resume", ANNA)
        assert (await rig.ended(failed)).state == "done"


async def test_results_expire(tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "_EXPIRY_CHECK_S", 0.05)
    async with running_jobs(tmp_path, recordings, kept_s=0.2) as rig:
        job = await rig.jobs.create(wanted(0), ANNA)
        async with asyncio.timeout(30):
            while rig.jobs.seen_by(ADMIN):
                await asyncio.sleep(0.02)
        assert not (rig.plan.folder / job.id).exists()


async def test_a_password_is_forgotten_when_the_job_is_done(tmp_path: Path, recordings: Path) -> None:
    async with running_jobs(tmp_path, recordings) as rig:
        job = await rig.jobs.create(wanted(0, format="package", password="geheim-7"), ANNA)
        assert (await rig.ended(job)).state == "done"
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or b"geheim-7" not in path.read_bytes()


# on the port


@dataclass
class Port:
    rig: Rig
    running: Running

    async def http(
        self, path: str, token: str = "operators", *more: str, method: str = "GET"
    ) -> tuple[int, dict, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.rig.server.port)
        lines = [f"{method} {path} HTTP/1.1", "Host: recorder", f"Authorization: Bearer {token}", *more, "", ""]
        writer.write("\r\n".join(lines).encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        first, *rest = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        return int(first.split()[1]), headers, body


@pytest.fixture
async def port(tmp_path: Path, recordings: Path) -> AsyncIterator[Port]:
    with tempfile.TemporaryDirectory(prefix="vrig") as sockets:
        async with (
            running_jobs(tmp_path, recordings) as running,
            recorder_rig(Path(sockets), exports=running.jobs) as rig,
        ):
            yield Port(rig, running)


def asked(request: ExportRequest) -> dict:
    return request.model_dump(mode="json")


async def finished_on(port: Port) -> ExportJob:
    async with viewing(port.rig.uri, "operators") as (viewer, connection):
        connection.send(ExportCreate(1, asked(wanted(0))))
        (said,) = await viewer.until_said("exports")
        assert isinstance(said, Exports)
        job = ExportJob.model_validate(said.jobs[0])
        await port.running.ended(job)
        connection.send(ExportList(2))
        said = (await viewer.until_said("exports", 2))[1]
        assert isinstance(said, Exports)
        assert [ExportJob.model_validate(one).state for one in said.jobs] == ["done"]
    return port.running.jobs.status(job.id, ADMIN)


async def test_asked_for_and_fetched(port: Port, tmp_path: Path) -> None:
    job = await finished_on(port)
    downloads = ExportDownloads(port.rig.uri, None, lambda: "operators")
    full = await asyncio.to_thread(downloads.job, job.id)
    assert full.files == job.files
    told: list[tuple[int, int]] = []
    found = await asyncio.to_thread(downloads.fetch_all, full, tmp_path / "here", lambda *at: told.append(at))
    for path, file in zip(found, full.files, strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert told
    part = found[0].with_name(found[0].name + ".part")  # an attempt that broke off
    part.write_bytes(found[0].read_bytes()[:1000])
    again = await asyncio.to_thread(downloads.fetch, job.id, full.files[0], tmp_path / "here")
    assert hashlib.sha256(again.read_bytes()).hexdigest() == full.files[0].sha256
    with pytest.raises(ExportGone):
        await asyncio.to_thread(downloads.job, "no-such-job")


async def test_whose_results_they_are(port: Port) -> None:
    job = await finished_on(port)
    for token, failure in (("viewers", ExportGone), ("nonsense", NotSignedIn)):
        downloads = ExportDownloads(port.rig.uri, None, lambda token=token: token)
        with pytest.raises(failure):
            await asyncio.to_thread(downloads.job, job.id)
    async with viewing(port.rig.uri, "viewers") as (viewer, connection):
        connection.send(ExportList(1))
        connection.send(ExportControl(2, job.id, "remove"))
        connection.send(ExportCreate(3, asked(wanted(0))))
        said = await viewer.until_said("error", 2)
        codes = {error.id: error.code for error in said if isinstance(error, Error)}
        assert codes == {2: "not_found", 3: "not_permitted"}
        assert await viewer.until_said("exports") == [Exports(1, ())]
    assert (await port.http(f"/exports/{job.id}", "administrators"))[0] == 200


async def test_bad_requests_on_the_channel(port: Port) -> None:
    async with viewing(port.rig.uri, "operators") as (viewer, connection):
        connection.send(ExportCreate(1, {"items": []}))
        connection.send(ExportCreate(2, asked(wanted(0)) | {"format": "exe"}))
        strange = ExportItem(device="nobody", spans=(ExportSpan(start_us=0, end_us=1),))  # type: ignore[arg-type]
        connection.send(ExportCreate(3, asked(ExportRequest(items=(strange,)))))
        connection.send(ExportCreate(4, asked(wanted(100))))
        connection.send(ExportControl(5, "../../etc", "cancel"))
        await viewer.until_said("error", 5)
        codes = {error.id: error.code for error in viewer.said("error") if isinstance(error, Error)}
        assert codes == {1: "bad_request", 2: "bad_request", 3: "not_found", 4: "bad_request", 5: "not_found"}
        connection.send(ExportCreate(6, asked(wanted(0)), estimate=True))
        (said,) = await viewer.until_said("export_estimated")
        assert isinstance(said, ExportEstimated)
        assert 0 < said.media_bytes < said.needed_bytes < said.free_bytes
        microphone = wanted(0).items[0].model_copy(update={"microphone": MICROPHONE})
        connection.send(ExportCreate(7, asked(ExportRequest(items=(microphone,)))))
        (made,) = await viewer.until_said("exports")
        assert isinstance(made, Exports)
        assert made.jobs[0]["names"] == ["Camera 1"]  # the recorder's name for it, not the viewer's
        await port.running.ended(ExportJob.model_validate(made.jobs[0]))


async def test_ranges_and_strange_requests(port: Port) -> None:
    job = await finished_on(port)
    file = job.files[0]
    data = (port.running.result(job) / file.name).read_bytes()
    path = f"/exports/{job.id}/{file.name.replace(' ', '%20')}"
    status, headers, body = await port.http(path)
    assert (status, body, headers["etag"]) == (200, data, f'"{file.sha256}"')
    assert "attachment" in headers["content-disposition"]
    status, headers, body = await port.http(path, "operators", "Range: bytes=10-19")
    assert (status, body, headers["content-range"]) == (206, data[10:20], f"bytes 10-19/{len(data)}")
    assert (await port.http(path, "operators", "Range: bytes=-5"))[2] == data[-5:]
    assert (await port.http(path, "operators", f"Range: bytes={len(data)}-"))[0] == 416
    assert (await port.http(path, "operators", "Range: bytes=0-9,20-29"))[2] == data
    assert (await port.http(path, "operators", "Range: bytes=0-9", 'If-Range: "other"'))[2] == data
    assert (await port.http(path, method="HEAD"))[2] == b""
    for wrong, answer in (
        (f"/exports/{job.id}/../job.json", 404),
        (f"/exports/{job.id}/..%2Fjob.json", 404),
        (f"/exports/{job.id}/%ff", 400),
        ("/exports/%2e%2e", 404),
    ):
        assert (await port.http(wrong))[0] == answer
    assert (await port.http("/"))[0] == 200
    assert (await port.http("/exportsandmore"))[0] == 404
    assert (await port.http(path, "operators", "Content-Length: 5"))[0] == 400
    assert (await port.http("/exports", "operators", "X: " + "y" * 20_000))[0] == 400


async def test_clients_that_leave_or_wait(port: Port) -> None:
    """Half requests, and downloads that are not read to their end, leave nothing behind."""
    job = await finished_on(port)
    for said in (b"", b"G", b"GET /exports", f"GET /exports/{job.id}/{job.files[0].name} HTTP/1.1\r\n".encode()):
        _, writer = await asyncio.open_connection("127.0.0.1", port.rig.server.port)
        writer.write(said)
        await writer.drain()
        writer.close()
    async with asyncio.timeout(10):
        while port.rig.server._open.total():
            await asyncio.sleep(0.01)


def test_a_download_over_tls_as_recorders_serve_it(tmp_path: Path, recordings: Path) -> None:
    """On uvloop with TLS, whose transports and protocols are others; much larger than any buffer."""
    authority = create_authority("Test")
    chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
    issue_certificate(authority, ["127.0.0.1"]).write(chain, private)

    async def serve() -> None:
        async with running_jobs(tmp_path, recordings) as running:
            with tempfile.TemporaryDirectory(prefix="vrig") as sockets:
                tls = server_context(chain, private)
                async with recorder_rig(Path(sockets), exports=running.jobs, tls=tls) as rig:
                    uri = rig.uri.replace("ws://", "wss://")
                    trusted = pinned_context(authority.certificate_pem.decode())
                    job = await running.jobs.create(wanted(3600, length_s=9), ANNA)
                    done = await running.ended(job)
                    downloads = ExportDownloads(uri, trusted, lambda: "administrators")
                    (film, _) = await asyncio.to_thread(downloads.fetch_all, done, tmp_path / "here")
                    assert film.stat().st_size > 50_000_000

    uvloop.run(serve())
