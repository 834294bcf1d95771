"""The code of docs/recipes/, with a running server in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

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
    return sorted(set(re.findall(rf"https://{re.escape(HOST)}/[^\s`\"')|]+", text)))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path
