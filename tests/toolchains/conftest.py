"""One running Grux for all of these tests, and how a tool is run."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.documents import ROOT
from tests.e2e.stack import Stack, quiet, running
from tests.toolchains.prepare import GENERATORS, NODE_MODULES

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not NODE_MODULES.exists(),
    reason="needs Node.js, and `make test-toolchains` to install the tools",
)
needs_generators = pytest.mark.skipif(
    not (ROOT / GENERATORS).exists(), reason="`make test-toolchains` installs the generators"
)
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    async with running(quiet(members=20), ("api", "ws", "gateway", "cards")) as stack:
        yield stack


async def run(*command: str | Path, cwd: Path) -> str:
    """What the command prints; if it fails, the test fails with that."""
    generators = ROOT / GENERATORS
    paths = f"{generators / 'bin'}:{NODE_MODULES / '.bin'}:{os.environ['PATH']}"
    quiet_tools = {"ASTRO_TELEMETRY_DISABLED": "1", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env={**os.environ, **quiet_tools, "PATH": paths, "PYTHONPATH": f"{generators}:{cwd}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    text = printed.decode(errors="replace")
    assert process.returncode == 0, text
    return text
