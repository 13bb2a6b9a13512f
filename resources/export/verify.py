#!/usr/bin/env python3
"""Tells whether a package of recordings exported by Vedette is as it left the recorder.

    python3 verify.py [PACKAGE.zip or FOLDER] [--key FINGERPRINT] [--json]

Needs Python 3.9 or newer and nothing else. Without an argument it checks the folder that it lies in. A package with a
password must be unpacked first (7-Zip, or any program that knows WinZip's AES), then the folder is checked.
Ends with 0 when the package is intact, 1 when something was changed, 2 when it could not be checked.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import zipfile
from datetime import datetime, timezone

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
BLOCK_BYTES = 1 << 22
MOST_MANIFEST_BYTES = 1 << 30


# Ed25519 (RFC 8032, section 5.1), for checking only

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recovered_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if (x & 1) != sign else x


def point(data):
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    x = recovered_x(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def added(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, h, g, f = f - e, f + e, d + c, d - c
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number, at):
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = added(total, at)
        at, number = added(at, at), number >> 1
    return total


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recovered_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signature_holds(public, message, signature):
    """Whether an Ed25519 signature of `message` was made with the key that belongs to `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = point(public), point(signature[:32])
    number = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or number >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(number, BASE), added(commitment, times(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def fingerprint(public):
    """How people compare keys: SHA-256 of the key, in groups of four."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return "-".join(digits[at : at + 4] for at in range(0, 32, 4))


# where the package is


class Unreadable(Exception):
    pass


class ZipPackage:
    def __init__(self, path):
        try:
            self.file = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise Unreadable(f"{path} is no readable zip file: {error}")
        names = [info.filename for info in self.file.infolist() if not info.is_dir()]
        self.doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        self.names = set(names)
        if any(info.flag_bits & 1 for info in self.file.infolist()):
            raise Unreadable("the package has a password: unpack it first, then check the folder")

    def open(self, name):
        return self.file.open(name)


class FolderPackage:
    doubled = []

    def __init__(self, path):
        self.path = path
        self.names = {item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file()}

    def open(self, name):
        return open(self.path / name, "rb")


def whole(package, name):
    try:
        with package.open(name) as file:
            data = file.read(MOST_MANIFEST_BYTES)
        return data
    except (OSError, KeyError, zipfile.BadZipFile, ValueError) as error:
        raise Unreadable(f"{name} cannot be read: {error}")


def shown_time(us):
    return datetime.fromtimestamp(us / 1e6, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def damage(package, entry):
    """Compare one file with what the manifest says of it; return sentences about what differs."""
    name = entry["path"]
    if name not in package.names:
        return [f"{name} is missing."]
    total, size = hashlib.sha256(), 0
    fragments = entry.get("fragments", [])
    found = []
    at, wanted, current = 0, iter(fragments), None
    try:
        with package.open(name) as file:
            while True:
                data = file.read(BLOCK_BYTES)
                if not data:
                    break
                total.update(data)
                size += len(data)
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        found.append(f"{name} cannot be read to its end: {error}.")
    if size == entry["size"] and total.hexdigest() == entry["sha256"]:
        return found
    found.append(f"{name} was changed: it has {size} bytes where {entry['size']} were exported, or others in them.")
    if not fragments:
        return found
    try:  # which part of the recording
        with package.open(name) as file:
            for current in wanted:
                offset, length, start_us, digest = current
                file.seek(offset)
                if hashlib.sha256(file.read(length)).hexdigest() != digest:
                    at += 1
                    if at <= 20:
                        found.append(f"  what {entry.get('camera', 'the camera')} recorded at {shown_time(start_us)} differs.")
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, TypeError):
        pass
    if at > 20:
        found.append(f"  and {at - 20} more parts of it.")
    elif fragments and at == 0:
        found.append("  the pictures and sounds themselves are as exported; what stands around them differs.")
    return found


# seals: what the recorder wrote into each part of a recording when it recorded it

SEAL_UUID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f004")
HEAD_TAG, FRAGMENT_TAG, SIGNATURE_TAG = b"vedette segment 1\0", b"vedette fragment 1\0", b"vedette signature 1\0"


def read_seal(data):
    """A fragment's seal as a dictionary; None where it has none, ValueError where it cannot be understood."""
    at = int.from_bytes(data[:4], "big")  # behind the first box
    if data[at + 4 : at + 24] != b"uuid" + SEAL_UUID:
        return None
    end = at + int.from_bytes(data[at : at + 4], "big")
    body = data[at + 24 : end]
    about = body[: 71 + (body[70] if len(body) > 70 else 0)]
    rest = body[len(about) :]
    if end > len(data) or len(about) < 71 or body[0] != 1 or len(rest) not in (32, 128):
        raise ValueError("its seal cannot be understood")
    return {
        "number": int.from_bytes(about[2:6], "big"),
        "head": about[6:38],
        "previous": about[38:70],
        "name": about[71:].decode("utf-8", "replace"),
        "chain": rest[:32],
        "key": rest[32:64],
        "signature": rest[64:],
        "message": SIGNATURE_TAG + about + rest[:32],
        "holds": hashlib.sha256(FRAGMENT_TAG + about + data[:at] + data[end:]).digest() == rest[:32],
    }


def seals(package, entry, own_keys):
    """Compare a recording with the seals in it: sentences, how many parts are sealed, and by which keys."""
    said, count, keys, run = [], 0, set(), []

    def wrong(start_us, why):
        said.append(f"What {entry.get('camera', 'the camera')} recorded at {shown_time(start_us)}: {why}.")

    def end_run():  # the signature of the last part vouches for all that are chained to it
        if run and run[-1][1]["key"]:
            last = run[-1][1]
            if signature_holds(last["key"], last["message"], last["signature"]):
                keys.add(last["key"])
                if own_keys and last["key"].hex() not in own_keys:
                    wrong(run[0][0], f"it is sealed with a key that is not the recorder's, {fingerprint(last['key'])}")
            else:
                wrong(run[-1][0], "the signature of its seal does not hold")
        run.clear()

    with package.open(entry["path"]) as file:
        head = file.read(entry["fragments"][0][0])
        expected = hashlib.sha256(HEAD_TAG + head).digest()
        for offset, length, start_us, _ in entry["fragments"]:
            file.seek(offset)
            data = file.read(length)
            try:
                seal = read_seal(data)
            except ValueError as error:
                wrong(start_us, error)
                continue
            if seal is None:
                continue
            if not seal["holds"]:
                wrong(start_us, "it was changed after it was recorded and before it was exported")
                continue
            if seal["head"] != expected or not seal["name"].startswith(f"{entry['device']}/{entry['track']}/"):
                wrong(start_us, f"it was recorded elsewhere, as {seal['name']}")
                continue
            count += 1
            if run:
                before = run[-1][1]
                if seal["previous"] != before["chain"] or seal["key"] != before["key"]:
                    if seal["number"] == before["number"] + 1:
                        wrong(run[-1][0], "it was replaced after it was recorded")
                    end_run()
            run.append((start_us, seal))
        end_run()
    return said, count, keys


def check(path, key):
    """Return (answer, sentences, facts): answer True is intact, False is changed."""
    package = FolderPackage(path) if path.is_dir() else ZipPackage(path)
    said = [f"{name} is in the package twice." for name in package.doubled]
    manifest_bytes, signature = whole(package, MANIFEST), whole(package, SIGNATURE)
    try:
        manifest = json.loads(manifest_bytes)
        signed = json.loads(signature)
        public = bytes.fromhex(signed["public_key"])
        if manifest["format"] != 1:
            raise Unreadable("this package was made by a newer version; use the verify.py that came with it")
        entries = manifest["files"]
        holds = signature_holds(public, manifest_bytes, bytes.fromhex(signed["signature"]))
        recorder = manifest["recorder"]["name"]
    except (ValueError, KeyError, TypeError) as error:
        return False, [f"The manifest or its signature was changed so that it cannot be understood ({error})."], {}
    if not holds:
        said.append("The list of files (manifest.json) is not the one that was signed.")
    if manifest["recorder"]["public_key"] != signed["public_key"]:
        said.append("The signature is by another key than the one the manifest names.")
    if key and key.replace("-", "").lower() != fingerprint(public).replace("-", ""):
        said.append(f"The package was signed by the key {fingerprint(public)}, and not by the one you gave.")
    sealed, parts, seal_keys = 0, 0, set()
    for entry in entries:
        differs = damage(package, entry)
        said += differs
        parts += len(entry.get("fragments", []))
        if not differs and entry.get("as_recorded") and entry.get("fragments"):
            faults, count, found = seals(package, entry, manifest["recorder"].get("seal_keys", []))
            said += faults
            sealed += count
            seal_keys |= found
    listed = {entry["path"] for entry in entries} | {MANIFEST, SIGNATURE}
    ignored = {"Thumbs.db", "desktop.ini", ".DS_Store"}
    for name in sorted(package.names - listed):
        if name.split("/")[-1] not in ignored and not name.startswith("__MACOSX/") and "__pycache__" not in name:
            said.append(f"{name} was added: it is not in the list of files.")
    facts = {
        "recorder": recorder,
        "exported": shown_time(manifest["created_us"]),
        "by": manifest["exported_by"]["name"],
        "comment": manifest["comment"],
        "files": len(entries),
        "gaps": len(manifest["gaps"]),
        "key": fingerprint(public),
        "parts": parts,
        "sealed": sealed,
        "seal_keys": sorted(map(fingerprint, seal_keys)),
    }
    return not said, said, facts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("--key", help="the recorder's fingerprint, as its administrator knows it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    try:
        if not given.package.exists():
            raise Unreadable(f"{given.package} is not there")
        intact, said, facts = check(given.package, given.key)
    except Unreadable as error:
        print(json.dumps({"intact": None, "error": str(error)}) if given.json else f"COULD NOT BE CHECKED: {error}")
        return 2
    if given.json:
        print(json.dumps({"intact": intact, "found": said, **facts}))
        return 0 if intact else 1
    if intact:
        print("INTACT: every file is exactly as it left the recorder.")
    else:
        print("CHANGED: this is not what the recorder exported.")
        for sentence in said:
            print(f"  {sentence}")
    if facts:
        print(f"\nExported from {facts['recorder']} on {facts['exported']} by {facts['by']}; {facts['files']} files.")
        if facts["comment"]:
            print(f"Comment: {facts['comment']}")
        if facts["gaps"]:
            print(f"{facts['gaps']} stretches of the time asked for are not recorded; manifest.json lists them and why.")
        signed = f", signed with {', '.join(facts['seal_keys'])}" if facts["seal_keys"] else ", not signed"
        print(f"{facts['sealed']} of {facts['parts']} parts carry the seal they were recorded with{signed if facts['sealed'] else ''}.")
        print(f"Signed with the key {facts['key']}")
        if not given.key:
            print("Ask the recorder's administrator whether that is the recorder's key: anybody can sign with a key of their own.")
    return 0 if intact else 1


if __name__ == "__main__":
    sys.exit(main())
