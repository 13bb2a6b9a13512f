"""The umbrella command's words, and what a shift of all ports makes of the settings."""

import socket
from pathlib import Path

import pytest

from common.foundation.errors import SettingsError
from server.management.settings import ManagementSettings
from server.recording.settings import RecordingSettings
from server.runtime import umbrella
from server.runtime.data_lock import DataInUse, locked_data
from server.runtime.tables import PortTaken, check_ports, overrides, ports_of


def test_without_a_program_the_umbrella_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        umbrella.main([])
    assert ended.value.code == 2
    said = capsys.readouterr().out
    assert all(name in said for name in umbrella.PROGRAMS)


def test_an_unknown_program_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        umbrella.main(["sevrer"])
    assert ended.value.code == 2
    assert "'sevrer'" in capsys.readouterr().err


def test_an_offset_shifts_every_port_but_any() -> None:
    tables = {"management": ManagementSettings(https_port=0), "recording": RecordingSettings(media_port=7000)}
    assert overrides(ports_of(tables, 100), 100) == {
        "management": {},
        "recording": {"VEDETTE_RECORDING__MEDIA_PORT": "7100"},
    }
    assert overrides(ports_of(tables, 0), 0) == {"management": {}, "recording": {}}


def test_an_offset_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"\[recording\] media_port 67563"):
        ports_of({"recording": RecordingSettings()}, 60_000)


def test_two_daemons_cannot_share_a_port() -> None:
    tables = {"management": ManagementSettings(https_port=7563), "recording": RecordingSettings(media_port=7563)}
    with pytest.raises(SettingsError, match="are both 7563"):
        check_ports(ports_of(tables, 0))


def test_a_taken_port_is_told_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            check_ports(ports_of({"recording": RecordingSettings(media_port=port, listen="127.0.0.1")}, 0))
    assert refused.value.params == {"port": port, "daemon": "recording", "setting": "media_port"}


def test_a_data_folder_is_free_again_after_its_server_ended(tmp_path: Path) -> None:
    with locked_data(tmp_path), pytest.raises(DataInUse), locked_data(tmp_path):
        pass
    with locked_data(tmp_path):
        pass
