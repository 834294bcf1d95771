"""Creates the virtual environment `.venv`, and installs the lock files that are named.

Runs in the system's Python before anything is installed, so it uses the standard library only.
`python -m services.run.environment services cards` returns at once if nothing has changed.
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
{python} cannot create virtual environments, because its module ensurepip is missing.
  Debian, Ubuntu: apt install python3-venv
  Then run the same command again."""


class PreparationError(Exception):
    """Raised when the environment cannot be prepared; the text says what to do."""


def prepare(*locks: str) -> None:
    """Install each `requirements/<lock>.lock` into `.venv`, unless it is installed already.

    Raises PreparationError.
    """
    if not _works(PYTHON):
        _make_venv()
    for lock in locks:
        install(lock, [])


def install(lock: str, options: list[str]) -> None:
    """Install the lock file, unless this version of it is installed. Raises PreparationError."""
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
        raise PreparationError(f"pip could not install {requirements}: see its message above.")
    stamp.write_text(wanted)  # last, so that an interrupted installation is repeated


def _works(python: Path) -> bool:
    """False also after the system's Python was replaced, or if pip is not completely installed."""
    if not python.exists():
        return False
    asked = [str(python), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        raise PreparationError(NO_VENV.format(python=sys.executable))
    print(f"Creating {VENV} with Python {sys.version.split()[0]} ...", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(command, check=False).returncode != 0:
        raise PreparationError(f"{sys.executable} could not create {VENV}: see its message above.")


if __name__ == "__main__":
    try:
        prepare(*sys.argv[1:])
    except PreparationError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
