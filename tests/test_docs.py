"""Whatever the documents name is there: files, links, targets, commands, settings."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from services.run import import_lanyard
from shared.config import ApiSettings, CardsSettings, GatewaySettings, WsSettings
from tests.documents import DOCUMENTS, ROOT, anchors, blocks, prose, rows
from tests.test_settings import of_compose

ROOMS = "services|shared|simulator|testing|tests|docs|requirements|bench|chaos|deploy|web|\\.ci"
PATH = re.compile(rf"(?<![\w./-])((?:{ROOMS})/[\w./*-]*[\w/*]|[A-Z]+\.md|Makefile|LICENSE)")
CODE = [
    path for room in ("services", "shared", "simulator") for path in (ROOT / room).rglob("*.py")
]
OPERATIONS = ROOT / "docs" / "operations.md"
DISCORDS_OWN = re.compile(
    r"(GUILD|PRESENCE|USER|MESSAGE|APPLICATION)_(?!IDS$)\w+|RATE_LIMITED|INIT_STATE"
)
"""Names of events and intents, Lanyard's included."""

documents = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


def targets() -> dict[str, str]:
    """The Makefile's public targets, and what it says of them."""
    return dict(re.findall(r"^([\w-]+):.* ## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


@documents
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file, and a heading in it where it names one."""
    for link in re.findall(r"\]\(([^)]+)\)", prose(document)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked() -> None:
    """A page that no other page links is hard to find."""
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)]+)\)", prose(document))
        if document.name != "CHANGELOG.md"
    }
    pages = {page for page in DOCUMENTS if page.parent == ROOT / "docs"}
    assert pages - linked == set()


@documents
def test_paths_exist(document: Path) -> None:
    """A file or folder that is named in a sentence or an example is in the repository."""
    named = set(PATH.findall(document.read_text()))
    assert {path for path in named if not list(ROOT.glob(path.rstrip("/")))} == set()


def test_code_refers_to_documents_that_exist() -> None:
    """A comment that sends its reader to docs/ is right. A string is a link on a page."""
    named = {
        (path.relative_to(ROOT), found)
        for path in CODE
        for found in re.findall(r'(?<![\w/}"])docs/[\w./-]*\w', path.read_text())
    }
    assert {(path, found) for path, found in named if not (ROOT / found).exists()} == set()


@documents
def test_make_targets_exist(document: Path) -> None:
    """`make ...` in code or as a command is a target."""
    code = [*re.findall(r"`([^`\n]+)`", prose(document)), *(b.text for b in blocks(document))]
    named = {name for text in code for name in re.findall(r"^make ([\w-]+)", text, re.MULTILINE)}
    assert named <= targets().keys()


@documents
def test_modules_can_be_run(document: Path) -> None:
    """Each `python -m ...` is a module or a package that can be run."""
    for name in set(re.findall(r"python -m ([\w.]+)", document.read_text())):
        found = importlib.util.find_spec(name)
        assert found, name
        assert not found.submodule_search_locations or importlib.util.find_spec(f"{name}.__main__")


@documents
def test_settings_exist(document: Path) -> None:
    """Each NAME_LIKE_THIS is a setting that the code reads."""
    settings = {
        field.name.upper()
        for kind in (GatewaySettings, ApiSettings, WsSettings, CardsSettings)
        for field in msgspec.structs.fields(kind)
    }
    settings |= of_compose().keys() | {import_lanyard.VARIABLE}
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", document.read_text()))
    assert {name for name in named - settings if not DISCORDS_OWN.fullmatch(name)} == set()


def test_plain_make_lists_every_target() -> None:
    """`make` alone prints each public target with its line."""
    printed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name, line in targets().items():
        assert re.search(rf"^ +make {name} +{re.escape(line)}$", printed, re.MULTILINE)
    wanted = {"run", "test", "lint", "types", "check", "fmt", "clean"}
    assert wanted <= targets().keys()


def test_every_metric_is_explained() -> None:
    """docs/operations.md names each, and none that is not there."""
    named = {
        name for path in CODE for name in re.findall(r'"(grux_\w+?)(?:_total)?"', path.read_text())
    }
    assert set(re.findall(r"`(grux_\w+)`", OPERATIONS.read_text())) == named


@pytest.mark.parametrize(
    "process", ["Every process", "The gateway", "api, ws and cards", "api", "ws", "cards"]
)
def test_every_metric_says_what_to_do(process: str) -> None:
    """What it is, which value is bad, and what to do then: no row leaves that open."""
    for row in rows(OPERATIONS, process):
        assert len(row) == 3, row
        assert all(len(cell) > 3 for cell in row), row
        assert re.findall(r"grux_\w+", row[0]), row
