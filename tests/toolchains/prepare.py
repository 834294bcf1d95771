"""Installs the tools that these tests run: `python -m tests.toolchains.prepare`.

The Python ones go into a folder of their own, because their dependencies are not those of Grux.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from services.run import environment

HERE: Final = Path(__file__).parent
GENERATORS: Final = environment.VENV / "generators"
NODE_MODULES: Final = HERE / "node_modules"


def main() -> None:
    """Install what has changed."""
    try:
        environment.install("generators", ["--upgrade", "--target", str(GENERATORS)])
    except environment.PreparationError as error:
        sys.exit(str(error))
    if shutil.which("npm") is None:
        print("Node.js is not on the PATH: the tests that need it are skipped.")
        return
    installed, lock = NODE_MODULES / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        print("Installing tests/toolchains/package-lock.json ...", flush=True)
        subprocess.run(["npm", "ci", "--silent"], cwd=HERE, check=True)


if __name__ == "__main__":
    main()
