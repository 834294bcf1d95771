"""Go and Swift of docs/recipes/programs.md: compiled, and run against a running Grux."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from testing.process import Process
from tests.documents import ROOT
from tests.e2e.stack import ROBIN, Stack
from tests.recipes.conftest import GAME
from tests.recipes.recipe import code, follows, written
from tests.toolchains.conftest import run
from tests.toolchains.prepare import GENERATORS

pytestmark = [pytest.mark.toolchains, pytest.mark.asyncio(loop_scope="session")]

PAGE = "programs.md"
BUNDLED_GO = ROOT / GENERATORS / "go" / "bin" / "go"
GO = str(BUNDLED_GO) if BUNDLED_GO.exists() else shutil.which("go")


@pytest_asyncio.fixture(loop_scope="session")
async def online(stack: Stack) -> AsyncIterator[Stack]:
    """Robin is online, and plays a game."""
    stack.simulator.world.set_presence(ROBIN, "online", [GAME], {"desktop": "online"})
    await stack.shows(ROBIN, lambda data: bool(data["status"] == "online" and data["activity"]))
    yield stack


@pytest.mark.skipif(GO is None, reason="`make test-toolchains` installs Go")
async def test_go(online: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gofmt changes nothing, vet finds nothing, and the program follows the presence."""
    assert GO is not None
    monkeypatch.setenv("GOCACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    text = code(PAGE, "Go", "go", online)
    path = written(tmp_path, "main.go", text)
    written(tmp_path, "go.mod", "module example.org/follow\n\ngo 1.21\n")
    formatter = Path(GO).with_name("gofmt")
    assert await run(formatter, "-l", path, cwd=tmp_path) == ""
    await run(GO, "vet", ".", cwd=tmp_path)
    await run(GO, "build", "-o", "follow", ".", cwd=tmp_path)
    await follows(online, await Process.start(tmp_path / "follow"))


@pytest.mark.skipif(
    sys.platform != "darwin" or shutil.which("swiftc") is None, reason="needs a Mac with Xcode"
)
async def test_swift(online: Stack, tmp_path: Path) -> None:
    """The state of the moment, then every change."""
    path = written(tmp_path, "main.swift", code(PAGE, "Swift", "swift", online))
    await run("swiftc", "-o", "follow", path, cwd=tmp_path)
    await follows(online, await Process.start(tmp_path / "follow"))
