"""Makes this repository's virtual environment and installs what a lock file names.

Runs in the Python that was found on the PATH, before anything is installed: standard library
only. `python -m services.run.environment services cards` returns at once when nothing has changed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = Path("requirements")

NO_VENV = """\
{python} cannot make virtual environments: its module ensurepip is missing.
  Debian, Ubuntu: apt install python3-venv
  then type the same command again."""


class PreparationError(Exception):
    """Raised when the environment cannot be made; the text says what to do."""


def prepare(*locks: str) -> None:
    """Install each `requirements/<lock>.lock` into `.venv`, unless that has been done.

    Raises PreparationError.
    """
    if not _works(PYTHON):
        _make_venv()
    for lock in locks:
        install(lock, [])


def install(lock: str, options: list[str]) -> None:
    """pip install the lock file, unless it was installed as it is now. Raises PreparationError."""
    requirements = REQUIREMENTS / f"{lock}.lock"
    stamp = VENV / f"{lock}.installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {requirements} into {VENV} ...", flush=True)
    command = [
        *(str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir"),
        *("--disable-pip-version-check", *options, "--require-hashes", "-r", str(requirements)),
    ]
    if subprocess.run(command, check=False).returncode != 0:
        raise PreparationError(f"pip could not install {requirements}: its words are above.")
    stamp.write_text(wanted)  # last: an interrupted installation is started again


def _works(python: Path) -> bool:
    """False as well after the system's Python was replaced, or pip was not finished."""
    if not python.exists():
        return False
    asked = [str(python), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        raise PreparationError(NO_VENV.format(python=sys.executable))
    print(f"Making {VENV} with Python {sys.version.split()[0]} ...", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(command, check=False).returncode != 0:
        raise PreparationError(f"{sys.executable} could not make {VENV}: its words are above.")


if __name__ == "__main__":
    try:
        prepare(*sys.argv[1:])
    except PreparationError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
