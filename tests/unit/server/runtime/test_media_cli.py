"""`vedette-server media`: what the tools print, and with which code they end."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.foundation.clock import SystemClock
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.proof.signing import signing_key
from server.runtime.cli import app
from tests.support.recorded_films import CAMERA, SETTINGS, VIDEO_KEY, record, stamped

FROM, UNTIL = "2023-11-14T22:13:21Z", "2023-11-14T22:13:24Z"  # T0 + 1 s ... 4 s


@pytest.fixture
def root(tmp_path: Path) -> Path:
    record(tmp_path / "recordings", (VIDEO_KEY, *stamped(frames=150)))
    return tmp_path / "recordings"


def media(*arguments: object) -> tuple[int, dict]:
    done = CliRunner().invoke(app, ["media", *map(str, arguments), "--json"])
    return done.exit_code, json.loads(done.stdout)


def segments(root: Path) -> list[Path]:
    return sorted(root.rglob("*.mp4"))


def test_check_finds_and_reindex_repairs(root: Path) -> None:
    assert media("check", root)[0] == 0
    segments(root)[0].unlink()
    code, report = media("check", root)
    assert (code, len(report["missing"]), report["ok"]) == (1, 1, False)
    assert media("reindex", root)[0] == 0
    assert media("check", root)[0] == 0


def test_stats(root: Path) -> None:
    code, report = media("stats", root)
    assert code == 0
    assert report["tracks"][f"{CAMERA}/primary"]["from"] == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize("tool", ["check", "reindex", "stats"])
def test_a_folder_without_recordings(tmp_path: Path, tool: str) -> None:
    code, report = media(tool, tmp_path)
    assert code == 2
    assert str(tmp_path) in report["error"]


def test_people_get_sentences(root: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert "All is well" in runner.invoke(app, ["media", "check", str(root)]).stdout
    assert str(CAMERA)[:8] in runner.invoke(app, ["media", "stats", str(root)]).stdout
    segments(root)[0].write_bytes(b"no film")
    done = runner.invoke(app, ["media", "check", str(root)])
    assert done.exit_code == 1
    assert "Something is wrong" in done.stdout
    done = runner.invoke(app, ["media", "check", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_tools_work_while_the_recorder_writes(tmp_path: Path) -> None:
    async def meanwhile() -> list[int]:
        config, units = stamped(frames=150)
        async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, lambda event: None) as database:
            track = database.track(VIDEO_KEY)
            track.configure(config)
            for unit in units:
                track.write(unit)
            async with asyncio.timeout(20):
                while database.queued_bytes:
                    await asyncio.sleep(0.01)
            codes = []
            for arguments in (
                ("check", tmp_path),
                ("stats", tmp_path),
                ("export", tmp_path, "-o", tmp_path / "out", "--device", CAMERA, "--from", FROM, "--to", UNTIL),
                ("reindex", tmp_path),
            ):
                codes.append((await asyncio.to_thread(media, *arguments))[0])
            await track.close()
        return codes

    assert asyncio.run(meanwhile()) == [0, 0, 0, 0]
    assert media("check", tmp_path)[0] == 0


def test_export(root: Path, tmp_path: Path) -> None:
    common = ("export", root, "-o", tmp_path / "out", "--device", CAMERA, "--from", FROM)
    code, report = media(*common, "--to", UNTIL, "--cut", "frame")
    assert (code, report["ok"], report["gaps"]) == (0, True, [])
    assert (tmp_path / "out" / report["files"][0]["name"]).stat().st_size == report["files"][0]["size_bytes"]
    code, report = media(*common, "--to", "2023-11-14T22:14:24Z")
    assert code == 1  # not everything is recorded
    assert report["gaps"][0]["reason"]
    for wrong in (("--to", "soon"), ("--to", FROM), ("--to", UNTIL, "--format", "exe")):
        code, report = media(*common, *wrong)
        assert code == 2
        assert report["error"]
    assert media(*common[:-4], "--device", "nobody", "--from", FROM, "--to", UNTIL)[0] == 2


def test_a_package_and_its_verification(root: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ("export", root, "-o", tmp_path / "out", "--device", CAMERA, "--from", FROM, "--to", UNTIL)
    code, report = media(*arguments, "--format", "package", "--data", data)
    assert code == 2
    assert "--data" in report["error"]
    signing_key(data)
    code, report = media(*arguments, "--format", "package", "--data", data)
    assert code == 0
    package = tmp_path / "out" / report["files"][0]["name"]
    assert media("verify", package)[0] == 0
    assert media("verify", package, "--key", "0000")[0] == 1
    assert media("verify", tmp_path / "nothing.zip")[0] == 2


def test_recordings_and_their_verification(root: Path, tmp_path: Path) -> None:
    code, report = media("verify", root)
    assert (code, report["files"] > 1, report["fragments"]) == (0, True, report["sealed_fragments"])
    damaged = next(path for path in sorted(root.rglob("*.mp4")) if CAMERA in str(path))
    data = bytearray(damaged.read_bytes())
    data[data.rindex(b"mdat") + 20] ^= 1
    damaged.write_bytes(data)
    code, report = media("verify", root)
    assert code == 1
    (finding,) = report["findings"]
    assert (finding["kind"], finding["device"], finding["path"]) == ("changed", CAMERA, str(damaged))
    assert media("verify", damaged)[0] == 1
    assert media("verify", damaged.parent)[0] == 1
    assert media("verify", root, "--device", "somebody")[1]["files"] == 0
    assert media("verify", root, "--from", "2030-01-01T00:00:00Z")[0] == 0
    assert media("verify", root, "--to", "yesterday")[0] == 2
    assert media("verify", root, "--key", "nonsense")[0] == 2
    code, report = media("verify", root, "--key", "0000-" * 7 + "0000")
    assert {finding["kind"] for finding in report["findings"]} == {"wrong_key", "changed"}
    assert media("verify", root, tmp_path / "nothing")[0] == 2
    assert media("verify", tmp_path / "nothing")[0] == 2
    assert media("verify", root, "--data", tmp_path / "nowhere")[0] == 2
    shown = CliRunner().invoke(app, ["media", "verify", str(root)])
    assert shown.exit_code == 1
    assert "CHANGED" in shown.output
    assert CAMERA in shown.output


def test_as_a_command(root: Path) -> None:
    command = [sys.executable, "-P", "-c", "from server.runtime.cli import main; main()", "media", "stats", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0
    assert "files" in done.stdout


def test_keys_are_shown_and_made_new(root: Path, tmp_path: Path) -> None:
    assert media("keys", "--data", tmp_path / "nowhere")[0] == 2
    data = tmp_path / "data"
    signing_key(data)
    code, report = media("keys", "--data", data)
    assert (code, [key["present"] for key in report["keys"]]) == (0, [True])
    first = report["keys"][0]["fingerprint"]
    report = media("keys", "--data", data, "--new")[1]
    assert {key["fingerprint"]: key["present"] for key in report["keys"]}[first] is False
    assert len(report["keys"]) == 2
    shown = CliRunner().invoke(app, ["media", "keys", "--data", str(data)])
    assert first in shown.output
