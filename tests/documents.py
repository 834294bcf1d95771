"""The Markdown files of this repository, as their tests read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


class Block(Struct, frozen=True):
    """A fenced block: its language, its text and the heading above it."""

    language: str
    text: str
    heading: str


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text()
    for found in _FENCE.finditer(text):
        above = [heading[2] for heading in _HEADING.finditer(text, 0, found.start())]
        yield Block(found[1], found[2], above[-1])


def prose(document: Path) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """What a link's `#...` may name: the headings, spelled as GitHub does."""
    headings = (heading[2].lower() for heading in _HEADING.finditer(prose(document)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def headings(document: Path) -> list[str]:
    """Of its sections, without its title."""
    return [found[2] for found in _HEADING.finditer(prose(document)) if found[1] != "#"]


def rows(document: Path, heading: str) -> list[list[str]]:
    """The cells of the table below `heading`, without its head, without backticks."""
    below = re.split(rf"^#+ {re.escape(heading)}$", document.read_text(), flags=re.MULTILINE)[1]
    table = re.search(r"^\|.*?\n\n", below + "\n\n", re.MULTILINE | re.DOTALL)
    assert table, f"no table below {heading!r} in {document.name}"
    lines = table[0].strip().splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
