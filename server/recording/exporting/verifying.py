"""Checks a package with the very verifier that lies in it."""

import importlib.util
from importlib.resources import as_file, files
from pathlib import Path

from server.recording.exporting.errors import ExportFailed

MANIFEST = "manifest.json"


def is_package(path: Path) -> bool:
    """Whether this is an exported package, or the folder of one, and not a folder of recordings."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.suffix.lower() == ".zip" or (path.is_file() and path.suffix.lower() != ".mp4")


def verify_package(path: Path, key: str | None) -> dict[str, object]:
    """Compare a package (zip, or folder that it was unpacked to) with its signed list.

    `key`: the fingerprint that it must be signed with. Raises ExportFailed when it cannot be checked.
    """
    with as_file(files("resources").joinpath("export", "verify.py")) as script:
        spec = importlib.util.spec_from_file_location("vedette_package_verifier", script)
        assert spec is not None
        assert spec.loader is not None
        verifier = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(verifier)
    try:
        intact, found, facts = verifier.check(path, key)
    except verifier.Unreadable as error:
        raise ExportFailed(str(error)) from None
    return {"ok": bool(intact), "found": list(found), **facts}
