"""`make vendor`: fetches the npm packages that /docs uses, as pinned in its pins.json.

npm fetches each package, and its hash must match the pin. The files are stored gzipped, as they
are served. To upgrade: change the version in the pins, empty `integrity`, run this, and review the
diff. Missing hashes are filled in.
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

FOLDER: Final = Path("services/api/endpoints/docs/vendor")
PINS: Final = FOLDER / "pins.json"


class Pin(Struct, kw_only=True):
    """An npm package, and the files to take from it."""

    package: str
    version: str
    licence: str
    integrity: str  # of the whole package, in npm's format; empty: not known yet
    files: dict[str, str]  # the path in the package, by file name in the repository
    sha256: dict[str, str]  # of each file, uncompressed


class VendorError(Exception):
    """Raised when a package cannot be fetched as pinned; the text says what to do."""


def pins() -> list[Pin]:
    return msgspec.json.decode(PINS.read_bytes(), type=list[Pin])


def fetch(pin: Pin) -> Pin:
    """Write the files. Returns the pin with their hashes. Raises VendorError."""
    with tempfile.TemporaryDirectory() as folder:
        package = _pack(pin, Path(folder))
        digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        integrity = f"sha512-{digest}"
        if pin.integrity not in ("", integrity):
            raise VendorError(
                f"{pin.package} {pin.version} is not the package that was pinned: npm fetched "
                f"{integrity}. Nothing was changed. If you trust it, empty `integrity` in {PINS}."
            )
        sha256 = {}
        with tarfile.open(package) as archive:
            for name, path in pin.files.items():
                member = archive.extractfile(f"package/{path}")
                if member is None:
                    raise VendorError(
                        f"{pin.package} {pin.version} has no file {path}: correct {PINS}"
                    )
                content = member.read()
                sha256[name] = hashlib.sha256(content).hexdigest()
                _write(name, content)
    return msgspec.structs.replace(pin, integrity=integrity, sha256=sha256)


def _pack(pin: Pin, folder: Path) -> Path:
    package = f"{pin.package}@{pin.version}"
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise VendorError("npm is not on the PATH: install Node.js, then run this again") from None
    except subprocess.CalledProcessError:
        raise VendorError(f"npm could not fetch {package}: see its message above") from None
    return next(folder.iterdir())


def _write(name: str, content: bytes) -> None:
    """Licences as plain text; all other files gzipped, always to the same bytes."""
    if "LICENSE" in name or "NOTICE" in name:
        (FOLDER / name).write_bytes(content)
    else:
        (FOLDER / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


def main() -> int:
    try:
        fetched = [fetch(pin) for pin in pins()]
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    PINS.write_bytes(msgspec.json.format(msgspec.json.encode(fetched), indent=2) + b"\n")
    for pin in fetched:
        print(f"{pin.package} {pin.version}: {', '.join(pin.files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
