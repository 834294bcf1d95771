"""Installs Lanyard's clients, as published: `python -m tests.lanyard_clients.prepare`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
NODE_MODULES: Final = HERE / "node_modules"


def main() -> None:
    """Install what has changed."""
    if shutil.which("npm") is None:
        print("Node.js is not on the PATH: the tests of Lanyard's clients are skipped.")
        return
    installed, lock = NODE_MODULES / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        print("Installing tests/lanyard_clients/package-lock.json ...", flush=True)
        command = ["npm", "ci", "--silent", "--ignore-scripts", "--legacy-peer-deps"]
        subprocess.run(command, cwd=HERE, check=True)


if __name__ == "__main__":
    main()
