"""Plays a ring of sound on the computer's output, in a thread of its own. Without an output it says so, quietly."""

import logging
import os

from PySide6.QtCore import QIODevice, QLoggingCategory, QObject, QThread, QTimer, Signal, Slot

from common.media.decoding import PCM_CHANNELS, PCM_FRAME_BYTES, PCM_RATE_HZ
from smartclient.video.audio_ring import RingReader, new_ring

# As it is loaded, QtMultimedia warns where there is no PipeWire; it then plays through PulseAudio, and all is well.
QLoggingCategory.setFilterRules("qt.multimedia.symbolsresolver=false")
try:
    from PySide6.QtMultimedia import QAudioFormat, QAudioSink, QMediaDevices, QtAudio
except ImportError as missing:  # its system library (libpulse) is not installed: everything else works
    _MISSING = str(missing)
else:
    _MISSING = ""

log = logging.getLogger(__name__)

_FEED_MS = 10
_SINK_BYTES = PCM_RATE_HZ * 60 // 1000 * PCM_FRAME_BYTES


class _Player(QObject):
    """Lives in the sound thread."""

    failed = Signal(str)

    def __init__(self, ring: RingReader) -> None:
        super().__init__()
        self._ring = ring
        self._sink: QAudioSink | None = None
        self._device: QIODevice | None = None
        self._timer: QTimer | None = None

    @Slot()
    def start(self) -> None:
        """Open the default output."""
        output = QMediaDevices.defaultAudioOutput()
        if output.isNull():
            self.failed.emit("no_device")
            return
        layout = QAudioFormat()
        layout.setSampleRate(PCM_RATE_HZ)
        layout.setChannelCount(PCM_CHANNELS)
        layout.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        self._sink = QAudioSink(output, layout, self)
        self._sink.setBufferSize(_SINK_BYTES)
        self._device = self._sink.start()
        if self._sink.state() == QtAudio.State.StoppedState:
            self.failed.emit("no_device")
            return
        self._timer = QTimer(self)
        self._timer.setInterval(_FEED_MS)
        self._timer.timeout.connect(self._feed)
        self._timer.start()

    def _feed(self) -> None:
        if self._sink is None or self._device is None:
            return
        room = min(self._sink.bytesFree(), _SINK_BYTES) // PCM_FRAME_BYTES
        if room > 0 and (samples := self._ring.read(room)):
            self._device.write(samples)

    @Slot()
    def stop(self) -> None:
        """Close the output; called in the sound thread, before it ends."""
        if self._timer is not None:
            self._timer.stop()
        if self._sink is not None:
            self._sink.stop()
        self._ring.close()


class Speaker(QObject):
    """Start it, hand `ring` to the decoder process, stop it."""

    failed = Signal(str)
    """`no_device`: this computer has no sound output (that works)."""
    _stopping = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: QThread | None = None
        self._player: _Player | None = None
        self.ring = -1

    def start(self) -> None:
        """Play from a new ring, whose descriptor is `ring` until `stop`."""
        self.stop()
        self.ring = new_ring()
        if _MISSING:
            log.info("no sound", extra={"cause": _MISSING})
            self.failed.emit("no_device")
            return
        self._player = _Player(RingReader(self.ring))
        self._player.failed.connect(self.failed)
        self._stopping.connect(self._player.stop)
        self._thread = QThread(self)
        self._thread.setObjectName("sound")
        self._player.moveToThread(self._thread)
        self._thread.started.connect(self._player.start)
        self._thread.finished.connect(self._player.deleteLater)
        self._thread.start()

    def stop(self) -> None:
        """Fall silent, and give the memory back."""
        if self._thread is not None:
            self._stopping.emit()  # queued: runs in the sound thread before it quits
            self._thread.quit()
            self._thread.wait(3000)
            self._thread.deleteLater()
            self._thread = self._player = None
        if self.ring >= 0:
            os.close(self.ring)
            self.ring = -1
