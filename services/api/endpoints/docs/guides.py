"""The documents in docs/, as this server shows them: which there are, and where their links lead.

A link between two of them works as it is. One to anything else in the repository leads to its
source. What is here is pure but for reading the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from msgspec import Struct

DOCS_DIR: Final = Path(__file__).parents[4] / "docs"
IMAGES: Final = "images"
GUIDES: Final = "guides"  # the page that lists them
REST_REFERENCE: Final = "rest-reference"
WEBSOCKET_REFERENCE: Final = "websocket-reference"
SOURCE: Final = "https://github.com/matheusaudibert/grux/blob/main"

_NOT_SHOWN: Final = ("decisions", "flames")  # for those who change Grux

_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Read a presence": ("api", "websocket", "events", "lanyard", "limits", "faq"),
    "Show a presence": ("widget", "card", "now-playing", "embeds"),
    "Decide what is shown": ("accounts", "commands", "privacy"),
    "Run Grux": (
        *("self-hosting", "machines", "gateway", "redis", "reverse-proxies", "systemd"),
        *("kubernetes", "scaling", "operations", "upkeep", "security", "privileged-intents"),
        "simulator",
    ),
}
"""The names that a section begins with. Others are in MORE, those of recipes/ in RECIPES."""

RECIPES: Final = "Recipes"
MORE: Final = "Optional"  # llms.txt: what may be left out

_SUMMARIES: Final[Mapping[str, str]] = {
    "faq": "Why is my status not shown, and other questions.",
    "operations": "Health, logs, metrics, and what to do when a value is bad.",
    "performance": "What everything costs, and how it is measured.",
    "recipes/home-assistant": "Sensors for a presence: polled, or told by the WebSocket.",
    "recipes/notes": "A live card in Notion, Obsidian and other notes.",
    "recipes/obs": "A live card above a stream.",
    "reliability": "What Grux promises while parts of it fail, and how that is tested.",
}
"""Of documents whose first sentence does not say what they are about."""

HTML_NAMES: Final[Mapping[str, str]] = {
    "websocket": "websocket-guide",  # /docs/websocket is the reference
    REST_REFERENCE: "../docs",
    WEBSOCKET_REFERENCE: "websocket",
}
"""Where the address of the page, relative to /docs/, is not the name of the document."""

_FENCE: Final = re.compile(
    r"^( *(?:(?:\d+\.|-) +)?```[^`\n]*\n.*?^ *```$)", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_MARKUP: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")


class Guide(Struct, frozen=True):
    """One document. `name`: its path in docs/ without `.md`."""

    name: str
    title: str
    summary: str
    section: str

    @property
    def path(self) -> Path:
        return DOCS_DIR / f"{self.name}.md"

    @property
    def html_name(self) -> str:
        return HTML_NAMES.get(self.name, self.name)


def read_guides() -> list[Guide]:
    """All that are shown, in their order."""
    names = {
        path.relative_to(DOCS_DIR).with_suffix("").as_posix()
        for path in DOCS_DIR.rglob("*.md")
        if path.relative_to(DOCS_DIR).parts[0] not in _NOT_SHOWN
    }
    return [_guide(name, section) for section, listed in _listed(names) for name in listed]


def _listed(names: set[str]) -> Iterator[tuple[str, list[str]]]:
    left = set(names)
    recipes = sorted(name for name in names if "/" in name)
    for section, first in _SECTIONS.items():
        yield section, [name for name in first if name in left]
        left.difference_update(first)
        if section == "Show a presence":
            yield RECIPES, recipes
            left.difference_update(recipes)
    yield MORE, sorted(left)


def _guide(name: str, section: str) -> Guide:
    text = (DOCS_DIR / f"{name}.md").read_text()
    title, _, rest = text.removeprefix("# ").partition("\n")
    return Guide(name, plain(title), _SUMMARIES.get(name) or _first_sentence(rest), section)


def _first_sentence(text: str) -> str:
    blocks = (block for block in text.strip().split("\n\n") if not block.startswith("#"))
    paragraph = " ".join(next(blocks).split())
    return plain(re.split(r"(?<=\.) (?=[A-Z\[`])", paragraph)[0])


def plain(text: str) -> str:
    """Without links, code and emphasis."""
    return _MARKUP.sub(r"\1", text)


def images() -> dict[str, Path]:
    """By path in docs/."""
    return {f"{IMAGES}/{path.name}": path for path in sorted((DOCS_DIR / IMAGES).iterdir())}


def markdown(guide: Guide, shown: frozenset[str]) -> str:
    """The text. `shown`: every path below docs/ that this server has."""
    parts = _FENCE.split(guide.path.read_text())
    return "".join(
        part
        if place % 2
        else _LINK.sub(lambda found: f"]({resolved(guide.name, found[1], shown)})", part)
        for place, part in enumerate(parts)
    )


def resolved(name: str, link: str, shown: frozenset[str]) -> str:
    """Where a link of the document leads on a server: `link` itself if that is there."""
    path, _, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:|//", link):
        return link
    target = _normal(f"docs/{name.rpartition('/')[0]}/{path}")
    if target.startswith("docs/") and target.removeprefix("docs/") in shown:
        return link
    return f"{SOURCE}/{target}" + (f"#{anchor}" if anchor else "")


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


REFERENCES: Final = (
    Guide(
        REST_REFERENCE,
        "REST reference",
        "Every route with its parameters and answers, from /openapi.json.",
        "Reference",
    ),
    Guide(
        WEBSOCKET_REFERENCE,
        "WebSocket reference",
        "Every frame and close code, from /asyncapi.json.",
        "Reference",
    ),
)
"""Not in docs/: they are rendered from the documents of the API."""


def llms_text(guides: list[Guide], public_url: str) -> str:
    """/llms.txt: https://llmstxt.org. `public_url`: empty, or where the server is."""
    base = f"{public_url}/docs/" if public_url else "docs/"
    lines = [
        "# Grux",
        "",
        "> Live Discord presence for any website. What the members of a Discord server are doing "
        "(status, song, game, profile) is read over REST or a WebSocket, or shown by a widget, a "
        "card or a badge. Reading needs no key.",
    ]
    for section, members in groupby([*REFERENCES, *guides], lambda guide: guide.section):
        lines += ["", f"## {section}", ""]
        lines += [f"- [{one.title}]({base}{one.name}.md): {one.summary}" for one in members]
    return "\n".join(lines) + "\n"
