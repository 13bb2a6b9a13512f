"""Films in other containers, by libav: Matroska with the coded pictures as they are, AVI coded anew, stills."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from common.foundation.clock import US_PER_S
from common.foundation.errors import StorageError, VmsError
from common.media.access_unit import AccessUnit, CodecConfig
from common.media.decoding import PCM_CHANNELS, PCM_FRAME_BYTES, PCM_RATE_HZ, DecodeError, Picture
from common.media.mp4.writer import fragment_header, init_segment

_MOST_SKIPPED = 1_500  # pictures that an AVI leaves out in a row; then one is written again
_SILENCE_FRAMES = PCM_RATE_HZ // 10  # sound may be this far off before silence is put in, or something left out


class FilmNotWritten(VmsError):
    """libav refused to write a film."""

    message_key = "media.film_not_written"


def _failure(path: Path, failed: Exception) -> VmsError:
    if isinstance(failed, OSError) and failed.errno:
        return StorageError(failed.strerror or str(failed), path=str(path))
    return FilmNotWritten(str(failed), file=path.name)


class RemuxedFilm:
    """A Matroska file of coded pictures and sound as they were recorded. One thread."""

    def __init__(self, path: Path, tracks: Sequence[tuple[CodecConfig, AccessUnit]]) -> None:
        """`tracks`: each configuration with a first unit, from which libav learns the rest."""
        self._path = path
        self._tracks = [config for config, _ in tracks]
        self._streams: list[Stream] = []
        self._last_dts = [-(1 << 62)] * len(tracks)
        try:
            self._file = av.open(str(path), "w", format="matroska")
            for config, first in tracks:
                self._streams.append(self._add(config, first))
        except (av.FFmpegError, OSError, ValueError) as failed:
            raise _failure(path, failed) from failed

    def _add(self, config: CodecConfig, first: AccessUnit) -> Stream:
        header = fragment_header(1, [first], first.dts + 1, first.dts, config)
        with av.open(io.BytesIO(init_segment(config) + header + first.data)) as template:
            source = template.streams[0]
            stream: Stream = self._file.add_stream_from_template(source, opaque=True)
        stream.time_base = Fraction(1, config.timescale)
        return stream

    def write(self, track: int, unit: AccessUnit, shown_us: int) -> None:
        """Append a unit that is shown `shown_us` into the film. Raises StorageError or FilmNotWritten."""
        config = self._tracks[track]
        packet = Packet(unit.data)
        packet.stream = self._streams[track]
        packet.time_base = Fraction(1, config.timescale)
        pts = round(shown_us * config.timescale / US_PER_S)
        packet.pts = pts
        packet.dts = self._last_dts[track] = max(self._last_dts[track] + 1, pts - (unit.pts - unit.dts))
        packet.is_keyframe = unit.keyframe
        try:
            self._file.mux(packet)
        except (av.FFmpegError, OSError, ValueError) as failed:
            raise _failure(self._path, failed) from failed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self._file, self._path, failed=kind is not None)


def _close(file: "av.container.OutputContainer", path: Path, *, failed: bool) -> None:
    try:
        file.close()
    except (av.FFmpegError, OSError, ValueError) as refused:
        if not failed:  # else the first failure says more
            raise _failure(path, refused) from refused


class AviFilm:
    """An AVI of JPEG pictures at a constant rate and PCM sound: what the oldest players play. One thread."""

    def __init__(self, path: Path, size_px: tuple[int, int] | None, fps: Fraction, *, sound: bool) -> None:
        self._path = path
        self._fps = fps
        self._next = 0  # number of the next picture
        self._sound_frames = 0
        self._last: Picture | None = None
        self._scaler = VideoReformatter()
        self._video: VideoStream | None = None
        self._sound: AudioStream | None = None
        self.left_out = 0
        try:
            self._file = av.open(str(path), "w", format="avi")
            if size_px is not None:
                video = self._file.add_stream("mjpeg", rate=fps)
                assert isinstance(video, VideoStream)
                video.width, video.height, video.pix_fmt = size_px[0], size_px[1], "yuvj420p"
                video.options = {"qscale": "3", "flags": "+qscale", "global_quality": str(3 * 118)}
                video.codec_context.time_base = 1 / fps
                self._video = video
            if sound:
                audio = self._file.add_stream("pcm_s16le", rate=PCM_RATE_HZ)
                assert isinstance(audio, AudioStream)
                audio.codec_context.layout = "stereo"
                self._sound = audio
        except (av.FFmpegError, OSError, ValueError) as failed:
            raise _failure(path, failed) from failed

    def picture(self, picture: Picture, shown_us: int) -> None:
        """Show `picture` from `shown_us` on. One that comes in the time of the picture before is left out."""
        if self._video is None:
            return
        number = round(shown_us * self._fps / US_PER_S)
        if number < self._next:
            self.left_out += 1
            return
        while self._last is not None and number - self._next > _MOST_SKIPPED:
            self._next += _MOST_SKIPPED
            self._encode(self._last, self._next)
            self._next += 1
        self._encode(picture, number)
        self._last, self._next = picture, number + 1

    def _encode(self, picture: Picture, number: int) -> None:
        video = self._video
        assert video is not None
        frame = self._scaler.reformat(
            picture.frame, width=video.width, height=video.height, format="yuvj420p", dst_color_range="JPEG"
        )
        if frame is picture.frame:
            frame = self._scaler.reformat(picture.frame, format="yuvj420p")
        frame.pts, frame.time_base = number, 1 / self._fps
        frame.pict_type = av.video.frame.PictureType.NONE
        try:
            self._file.mux(video.encode(frame))
        except (av.FFmpegError, OSError, ValueError) as failed:
            raise _failure(self._path, failed) from failed

    def sound(self, samples: bytes, shown_us: int) -> None:
        """Append sound (16 bit, stereo, 48 kHz) that is heard from `shown_us` on; silence fills what is missing."""
        if self._sound is None:
            return
        ahead = round(shown_us * PCM_RATE_HZ / US_PER_S) - self._sound_frames
        if ahead < -_SILENCE_FRAMES:
            samples = samples[-ahead * PCM_FRAME_BYTES :]
        while ahead > _SILENCE_FRAMES:
            block = min(ahead, PCM_RATE_HZ)
            self._pcm(bytes(block * PCM_FRAME_BYTES))
            ahead -= block
        self._pcm(samples)

    def _pcm(self, samples: bytes) -> None:
        if not samples:
            return
        assert self._sound is not None
        frame = AudioFrame.from_ndarray(np.frombuffer(samples, np.int16)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = PCM_RATE_HZ, self._sound_frames
        frame.time_base = Fraction(1, PCM_RATE_HZ)
        self._sound_frames += len(samples) // (2 * PCM_CHANNELS)
        try:
            self._file.mux(self._sound.encode(frame))
        except (av.FFmpegError, OSError, ValueError) as failed:
            raise _failure(self._path, failed) from failed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for stream in (self._video, self._sound):
                    if stream is not None:
                        self._file.mux(stream.encode(None))
        except (av.FFmpegError, OSError, ValueError) as failed:
            kind = type(failed)
            raise _failure(self._path, failed) from failed
        finally:
            _close(self._file, self._path, failed=kind is not None)


def still(picture: Picture, kind: str) -> bytes:
    """Return a picture as a file: `jpeg` (quality 2 of 31) or `png`. Raises DecodeError when it cannot be made."""
    form = "yuvj420p" if kind == "jpeg" else "rgb24"
    try:
        frame = picture.frame.reformat(format=form, dst_color_range="JPEG")
        context = CodecContext.create("mjpeg" if kind == "jpeg" else "png", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = frame.width, frame.height, form
        context.time_base = Fraction(1, 25)
        context.thread_count = 1
        if kind == "jpeg":
            context.options = {"qmin": "2", "qmax": "2"}
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        frame.pict_type = av.video.frame.PictureType.NONE
        return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    except (av.FFmpegError, ValueError) as failed:
        raise DecodeError(f"the picture cannot be coded as {kind}: {failed}") from None


def counted_units(path: Path) -> list[int]:
    """How many units each track of a film has, by reading it whole. Raises FilmNotWritten when libav cannot."""
    try:
        with av.open(str(path)) as file:
            counts = [0] * len(file.streams)
            for packet in file.demux():
                if packet.size:
                    counts[packet.stream.index] += 1
            return counts
    except (av.FFmpegError, OSError, ValueError) as failed:
        raise _failure(path, failed) from failed
