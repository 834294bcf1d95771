"""`make vendor`: fetch what /docs is made with, as services/api/docs/vendor/pins.json has it.

npm brings the package, its hash has to be the pinned one, and the files are kept in gzip: that is
how they are sent. For a new version, write it into the pins, empty `integrity`, run this, and look
at what changed: the hashes are written where there were none.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

FOLDER: Final = Path("services/api/docs/vendor")
PINS: Final = FOLDER / "pins.json"


class Pin(Struct, kw_only=True):
    """A package of npm, and what is taken from it."""

    package: str
    version: str
    licence: str
    integrity: str  # of the whole package, as npm spells it; empty: not known yet
    files: dict[str, str]  # where it is in the package, by its name here
    sha256: dict[str, str]  # of each file, uncompressed


class VendorError(Exception):
    """Raised when a package cannot be had as it is pinned; the text says what to do."""


def pins() -> list[Pin]:
    return msgspec.json.decode(PINS.read_bytes(), type=list[Pin])


def fetch(pin: Pin) -> Pin:
    """Write the files. Gives the pin with the hashes of what came. Raises VendorError."""
    with tempfile.TemporaryDirectory() as folder:
        package = _pack(pin, Path(folder))
        digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        integrity = f"sha512-{digest}"
        if pin.integrity not in ("", integrity):
            raise VendorError(
                f"{pin.package} {pin.version} is not the package that was pinned: npm gave "
                f"{integrity}. Nothing was changed. If you trust it, empty `integrity` in {PINS}."
            )
        sha256 = {}
        with tarfile.open(package) as archive:
            for name, path in pin.files.items():
                member = archive.extractfile(f"package/{path}")
                if member is None:
                    raise VendorError(f"{pin.package} {pin.version} holds no file {path}")
                content = member.read()
                sha256[name] = hashlib.sha256(content).hexdigest()
                _write(name, content)
    return msgspec.structs.replace(pin, integrity=integrity, sha256=sha256)


def _pack(pin: Pin, folder: Path) -> Path:
    wanted = f"{pin.package}@{pin.version}"
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise VendorError("npm is needed, and is not on the PATH") from None
    except subprocess.CalledProcessError:
        raise VendorError(f"npm could not fetch {wanted}: its words are above") from None
    return next(folder.iterdir())


def _write(name: str, content: bytes) -> None:
    """Licences as text, so that people can read them; the rest in gzip, the same at each run."""
    if "LICENSE" in name or "NOTICE" in name:
        (FOLDER / name).write_bytes(content)
    else:
        (FOLDER / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


def main() -> int:
    try:
        found = [fetch(pin) for pin in pins()]
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    PINS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    for pin in found:
        print(f"{pin.package} {pin.version}: {', '.join(pin.files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
