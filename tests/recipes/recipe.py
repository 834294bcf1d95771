"""The code of docs/recipes/, with a running server in it, and programs that follow a presence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from testing.process import Process
from tests.documents import ROOT, Block, blocks
from tests.e2e.stack import ROBIN, Stack

RECIPES: Final = ROOT / "docs/recipes"
HOST: Final = "your.host"
PERSON: Final = "1274150219482660897"


def page_blocks(page: str) -> list[Block]:
    return list(blocks(RECIPES / page))


def code(page: str, heading: str, language: str, stack: Stack, place: int = 0) -> str:
    """A block of a page. `place`: among those of the heading and the language."""
    found = [
        block.text
        for block in page_blocks(page)
        if (block.heading, block.language) == (heading, language)
    ]
    return running(found[place], stack)


def running(text: str, stack: Stack) -> str:
    """The text with the addresses of the running processes, and with Robin.

    In front of a server, a proxy divides one address among its processes.
    """
    text = text.replace(f"wss://{HOST}", f"ws://127.0.0.1:{stack.ws_port}")
    text = text.replace(f"https://{HOST}/events", f"http://127.0.0.1:{stack.ws_port}/events")
    text = text.replace(f"https://{HOST}", f"http://127.0.0.1:{stack.api_port}")
    return text.replace(PERSON, ROBIN)


def addresses(page: str) -> list[str]:
    """Every address of the server on the page, whole pages and pictures among them."""
    text = (RECIPES / page).read_text()
    found = re.findall(rf"https://{re.escape(HOST)}/[^\s`\"')|]+", text)
    return sorted({address for address in found if "\\(" not in address})  # Swift puts an id there


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


async def follows(stack: Stack, process: Process) -> None:
    """The program prints the state, then each change, also after a restart of the server."""
    world = stack.simulator.world
    try:
        await process.match("online.*Starfall Arena")
        world.set_presence(ROBIN, "dnd", [], {"desktop": "dnd"})
        await process.line_with("dnd")
        await stack.processes["ws"].stop()
        await (await stack.start("ws")).line_with("listening")
        world.set_presence(ROBIN, "idle", [], {"desktop": "idle"})
        await process.line_with("idle")
    finally:
        await process.kill()
