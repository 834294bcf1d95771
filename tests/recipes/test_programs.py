"""docs/recipes/programs.md: each program is run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tree_sitter_swift
from tree_sitter import Language, Parser

from testing.process import Process
from tests.e2e.stack import ROBIN, Stack
from tests.recipes.recipe import code, follows, page_blocks, written

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "programs.md"
UNKNOWN = "1138383128625152999"


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on the PATH: {', '.join(missing)}")


def node_flags() -> list[str] | None:
    """None: there is no Node.js that can run the recipe. Before version 22 WebSocket is a flag."""
    if (node := shutil.which("node")) is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(said.removeprefix("v").partition(".")[0])
    if major >= 22:
        return []
    known = subprocess.run([node, "--help"], capture_output=True, text=True, check=True).stdout
    flag = "--experimental-websocket"
    return [flag] if flag in known else None


async def output_of(*command: str | Path) -> list[str]:
    process = await Process.start(*command)
    try:
        assert await process.ended() == 0, process.errors
    finally:
        await process.kill()
    return process.stdout


@needs("curl", "jq")
async def test_curl_and_jq(stack: Stack) -> None:
    """Status, song and activities, each on a line."""
    script = code(PAGE, "curl and jq", "sh", stack)
    assert await output_of("sh", "-euc", script) == [
        "online",
        "Paper Lanterns by Juniper Vale",
        "Playing: Starfall Arena",
        "Listening: Tidal",
    ]


@needs("curl", "jq")
async def test_curl_and_jq_without_music(stack: Stack) -> None:
    """The script says so."""
    stack.simulator.world.set_presence(ROBIN, "idle", [], {"desktop": "idle"})
    await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))
    script = code(PAGE, "curl and jq", "sh", stack)
    assert await output_of("sh", "-euc", script) == ["idle", "no music"]


@needs("curl", "jq")
async def test_curl_and_jq_follow(stack: Stack) -> None:
    """Each change is printed at once, although it comes through two pipes."""
    script = code(PAGE, "curl and jq", "sh", stack, 2)
    process = await Process.start("sh", "-euc", script)
    try:
        await process.line_with("online: Starfall Arena, Tidal")
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"desktop": "dnd"})
        await process.line_with("dnd:")
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the whole pipe: it is a session of its own
        await process.kill()


@needs("curl", "jq")
async def test_curl_and_jq_with_several_people(stack: Stack) -> None:
    """One line for each of them who is monitored."""
    script = code(PAGE, "curl and jq", "sh", stack, 1)
    assert (await output_of("sh", "-euc", script))[0] == "Robin: online"


async def test_python(stack: Stack, tmp_path: Path) -> None:
    """The standard library, and what the server says of an unknown user."""
    program = code(PAGE, "Python", "python", stack)
    assert await output_of(sys.executable, written(tmp_path, "once.py", program)) == [
        "Robin online",
        "Playing Starfall Arena",
        "Listening Tidal",
    ]
    other = written(tmp_path, "unknown.py", program.replace(ROBIN, UNKNOWN))
    (said,) = await output_of(sys.executable, other)
    assert "not in any server that Grux monitors" in said


async def test_python_follows(stack: Stack, tmp_path: Path) -> None:
    """With websockets."""
    program = written(tmp_path, "follow.py", code(PAGE, "Python", "python", stack, 1))
    await follows(stack, await Process.start(sys.executable, program))


async def test_node_follows(stack: Stack, tmp_path: Path) -> None:
    """Without packages. It does not connect again for a user who is not monitored."""
    if (flags := node_flags()) is None:
        pytest.skip("no Node.js with WebSocket on the PATH")
    program = code(PAGE, "Node.js", "js", stack)
    path = written(tmp_path, "follow.mjs", program)
    await follows(stack, await Process.start("node", *flags, path))
    other = written(tmp_path, "unknown.mjs", program.replace(ROBIN, UNKNOWN))
    process = await Process.start("node", *flags, other)
    try:
        assert await process.ended() == 0
    finally:
        await process.kill()
    assert re.search("not in any server that Grux monitors", process.errors)


async def test_swift_is_well_formed() -> None:
    """It parses. tests/toolchains/ runs it on a Mac."""
    (text,) = (block.text for block in page_blocks(PAGE) if block.language == "swift")
    tree = Parser(Language(tree_sitter_swift.language())).parse(text.encode())
    assert tree.root_node.child_count > 10
    assert not tree.root_node.has_error
