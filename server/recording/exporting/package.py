"""A package that proves itself: a zip with recordings as they were made, a signed list of hashes, and a verifier.

Names inside are made by us of letters that are safe in every archive; the zip is ZIP64, media are stored uncompressed,
a password encrypts everything in it with WinZip's AES-256 (AE-2).
"""

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.api.exporting import ExportFile
from common.foundation.clock import UtcUs, iso_utc
from common.foundation.errors import StorageError
from common.media.access_unit import PRIMARY
from server.recording.exporting.copying import PART
from server.recording.exporting.errors import ExportFailed, NotAsWritten
from server.recording.exporting.names import safe_name, utc_name
from server.recording.exporting.package_media import PackedSegment, packed_segments
from server.recording.exporting.work import Film, Work
from server.recording.proof.signing import fingerprint, public_bytes

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Who gives a package away: the recorder, its key, and who asked for it when. `seal_keys`: public keys that it ever
    sealed recordings with."""

    recorder: str
    recorder_name: str
    product: str
    user: str
    user_id: str
    created: UtcUs
    key: Ed25519PrivateKey
    seal_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a package, as the manifest lists it."""

    path: str
    size: int
    sha256: str
    camera: str = ""
    device: str = ""
    track: str = ""
    start_us: int = 0
    end_us: int = 0
    as_recorded: bool = False
    fragments: tuple[tuple[int, int, int, str], ...] = ()

    def listed(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in ("", 0, ()) or name == "size"}


def write_package(work: Work, films: list[Film], origin: Origin, name: str) -> ExportFile:
    """Write the package of all films as `name`. Raises StorageError, NotAsWritten."""
    path = work.folder / name
    part = path.with_name(path.name + PART)
    password = work.request.password
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _zip(part, "w", password) as archive:
            packed = _media(work, archive, films)
            public = public_bytes(origin.key)
            packed += _texts(work, archive, films, origin, fingerprint(public))
            manifest = _manifest(work, films, origin, packed)
            signature = {
                "algorithm": "Ed25519",
                "public_key": public.hex(),
                "signature": origin.key.sign(manifest).hex(),
            }
            archive.writestr(MANIFEST, manifest)
            archive.writestr(SIGNATURE, json.dumps(signature, indent=1).encode())
        size, sha256 = _durable(part, work)
        if work.request.verify:
            _read_back(work, part, password, packed, path.name)
        part.replace(path)
    except OSError as failed:
        raise StorageError(failed.strerror or str(failed), path=failed.filename or str(path)) from failed
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError) as failed:
        raise ExportFailed(f"the package could not be written: {failed}") from failed
    finally:
        part.unlink(missing_ok=True)
    starts = [file.start_us for file in packed if file.start_us]
    ends = [file.end_us for file in packed if file.end_us]
    return ExportFile(
        name=name, size_bytes=size, sha256=sha256, start_us=min(starts, default=0), end_us=max(ends, default=0)
    )


def _zip(path: Path, mode: str, password: str) -> Any:
    """A zip with the interface of zipfile.ZipFile. Any: pyzipper has no types."""
    if not password:
        return zipfile.ZipFile(path, mode, zipfile.ZIP_STORED, allowZip64=True)  # type: ignore[call-overload]
    import pyzipper  # here, because only packages with a password need it

    archive = pyzipper.AESZipFile(path, mode, compression=zipfile.ZIP_STORED, encryption=pyzipper.WZ_AES)
    archive.setpassword(password.encode())
    return archive


def _media(work: Work, archive: Any, films: list[Film]) -> list[PackedFile]:
    packed: list[PackedFile] = []
    folders: dict[str, str] = {}
    for film in films:
        for key in (film.video, film.sound):
            if key is None:
                continue
            what = film.device if key == film.main else f"{film.device} sound"
            what = what if key.track == PRIMARY else f"{what} {key.track}"
            folder = f"media/{folders.setdefault(f'{key.device}/{key.track}', _folder(what, folders))}"
            taken = {file.path for file in packed}
            playlist = []
            for segment in packed_segments(work.reader, key, film.span):
                path = f"{folder}/{utc_name(segment.start)}.mp4"
                if path in taken:
                    continue  # spans of one item that share a GOP
                file = _packed_file(work, archive, segment, path)
                packed.append(
                    PackedFile(
                        path,
                        file[0],
                        file[1],
                        what,
                        key.device,
                        key.track,
                        segment.start,
                        segment.end,
                        segment.as_recorded,
                        tuple(segment.fragments),
                    )
                )
                playlist.append(f"#EXTINF:{(segment.end - segment.start) / 1e6:.3f},\n{path.rpartition('/')[2]}")
            if playlist:
                lines = "\n".join(["#EXTM3U", *playlist, ""])
                packed.append(_text(archive, f"{folder}/play {utc_name(film.span.start)}.m3u8", lines.encode()))
    return packed


def _folder(what: str, taken: dict[str, str]) -> str:
    name = wanted = safe_name(what)
    number = 1
    while name.casefold() in {other.casefold() for other in taken.values()}:
        number += 1
        name = f"{wanted} ({number})"
    return name


def _packed_file(work: Work, archive: Any, segment: PackedSegment, path: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with archive.open(path, "w", force_zip64=True) as file:
        for data in segment.parts:
            digest.update(data)
            file.write(data)
            size += len(data)
            work.progress.step(len(data))
    return size, digest.hexdigest()


def _text(archive: Any, path: str, data: bytes) -> PackedFile:
    archive.writestr(path, data)
    return PackedFile(path, len(data), hashlib.sha256(data).hexdigest())


def _texts(work: Work, archive: Any, films: list[Film], origin: Origin, key: str) -> list[PackedFile]:
    own = files("resources").joinpath("export")
    gaps = [
        f"  {gap.device} ({gap.track})  {iso_utc(UtcUs(gap.start_us))} - {iso_utc(UtcUs(gap.end_us))}  {gap.reason}"
        for gap in work.gaps
    ]
    comment = work.request.comment
    readme = own.joinpath("readme.txt").read_text(encoding="utf-8")
    for field, value in {
        "names": ", ".join(sorted({film.device for film in films})),
        "recorder": origin.recorder_name,
        "created": iso_utc(origin.created),
        "by": origin.user,
        "comment": f"\nComment\n  {comment}\n" if comment else "",
        "key": key,
        "gaps": "Not recorded\n" + "\n".join(gaps) if gaps else "Everything that was asked for is recorded.",
    }.items():
        readme = readme.replace(f"{{{field}}}", value, 1)
    return [
        _text(archive, "verify.py", own.joinpath("verify.py").read_bytes()),
        _text(archive, "README.txt", readme.replace("\n", "\r\n").encode()),
    ]


def _manifest(work: Work, films: list[Film], origin: Origin, packed: list[PackedFile]) -> bytes:
    manifest = {
        "format": FORMAT,
        "product": origin.product,
        "created_us": origin.created,
        "created": iso_utc(origin.created),
        "exported_by": {"name": origin.user, "id": origin.user_id},
        "comment": work.request.comment,
        "recorder": {
            "id": origin.recorder,
            "name": origin.recorder_name,
            "public_key": public_bytes(origin.key).hex(),
            "seal_keys": [key.hex() for key in origin.seal_keys],
        },
        "asked_for": [
            {
                "name": film.device,
                "device": film.main.device,
                "track": film.main.track,
                "sound": film.sound.device if film.sound and film.video else None,
                "start_us": film.span.start,
                "end_us": film.span.end,
            }
            for film in films
        ],
        "gaps": [gap.model_dump() for gap in work.gaps],
        "files": [file.listed() for file in packed],
    }
    return json.dumps(manifest, indent=1, ensure_ascii=False).encode()


def _durable(part: Path, work: Work) -> tuple[int, str]:
    """Force the file to disk, and hash it as the disk gives it back."""
    digest = hashlib.sha256()
    fd = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        size = os.fstat(fd).st_size
        for at in range(0, size, _BLOCK_BYTES):
            digest.update(os.pread(fd, _BLOCK_BYTES, at))
            work.progress.step(0)
    finally:
        os.close(fd)
    return size, digest.hexdigest()


def _read_back(work: Work, part: Path, password: str, packed: list[PackedFile], name: str) -> None:
    with _zip(part, "r", password) as archive:
        for file in packed:
            digest = hashlib.sha256()
            with archive.open(file.path) as opened:
                while data := opened.read(_BLOCK_BYTES):
                    digest.update(data)
                    work.progress.step(0)
            if digest.hexdigest() != file.sha256:
                raise NotAsWritten(f"{file.path} inside it", file=name)
