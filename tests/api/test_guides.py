"""docs/ on the server: as Markdown, as pages, and listed in /llms.txt."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import urljoin

import pytest
import pytest_asyncio

from services.api.endpoints.docs import guide_page, guides, reference_markdown
from services.api.openapi import document as openapi
from shared.redis.store import Store
from tests.api.http_client import Answer, ask
from tests.api.replica import serving
from tests.documents import anchors

ALL = guides.read_guides()
NAMES = [guide.name for guide in ALL]
REFERENCES = [guide.name for guide in guides.REFERENCES]
SHOWN = frozenset([*(f"{name}.md" for name in NAMES), *guides.images()])


def links_in(markdown: str) -> list[str]:
    return guides._LINK.findall("".join(guides._FENCE.split(markdown)[::2]))


def is_elsewhere(link: str) -> bool:
    return re.match(r"https?://", link) is not None


class Site:
    """One server, of which each path is asked for once."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._seen: dict[str, Answer] = {}

    async def get(self, path: str) -> Answer:
        if path not in self._seen:
            self._seen[path] = await ask(self.port, path)
        return self._seen[path]


@pytest_asyncio.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    async with serving(store) as port:
        yield Site(port)


def test_which_documents_there_are() -> None:
    """All of docs/ but what only those need who change Grux; each has a title and a summary."""
    files = {path.stem for path in guides.DOCS_DIR.glob("*.md")}
    assert {name for name in NAMES if "/" not in name} == files
    assert not any(name.startswith(("decisions/", "flames/")) for name in NAMES)
    assert len(NAMES) == len(set(NAMES))
    for guide in ALL:
        assert guide.title
        assert 20 < len(guide.summary) < 300, guide.name
        assert not re.search(r"[\[\]`\n#|]", guide.title + guide.summary), guide.name


def test_no_name_is_used_twice() -> None:
    """Pages, files and images are below one address."""
    pages = [guide.html_name for guide in ALL]
    assert len(pages) == len(set(pages))
    assert not {*pages} & {guides.GUIDES, *REFERENCES, "websocket"}


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("#here", "#here"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("api.md#errors", "api.md#errors"),
        ("images/badge.svg", "images/badge.svg"),
        ("../SECURITY.md", f"{guides.SOURCE}/SECURITY.md"),
        ("decisions/0001-raw-shards.md#x", f"{guides.SOURCE}/docs/decisions/0001-raw-shards.md#x"),
        ("../deploy/redis/users.acl", f"{guides.SOURCE}/deploy/redis/users.acl"),
        ("gone.md", f"{guides.SOURCE}/docs/gone.md"),
    ],
)
def test_where_links_lead(link: str, wanted: str) -> None:
    """What the server has keeps its relative link; the rest of the repository is at its source."""
    assert guides.resolved("card", link, SHOWN) == wanted


def test_links_of_a_recipe() -> None:
    """A folder deeper."""
    assert guides.resolved("recipes/x", "../api.md", SHOWN) == "../api.md"
    assert guides.resolved("recipes/x", "../../README.md", SHOWN) == f"{guides.SOURCE}/README.md"
    assert guide_page.page_link("../websocket.md#a") == "../websocket-guide#a"
    assert guide_page.page_link("https://example.org/x.md") == "https://example.org/x.md"


async def test_every_link_leads_somewhere(site: Site) -> None:
    """Those of every document, as Markdown and as a page: file, page, image and heading."""
    for name in [*NAMES, *REFERENCES]:
        path = f"/docs/{name}.md"
        text = (await site.get(path)).body.decode()
        for link in links_in(text):
            if is_elsewhere(link):
                continue
            address, _, anchor = urljoin(path, link).partition("#")
            found = await site.get(address)
            assert found.status == 200, (name, link)
            if anchor:
                assert anchor in headings(found.body.decode()), (name, link)
    for guide in ALL:
        path = f"/docs/{guide.html_name}"
        page = (await site.get(path)).body.decode()
        for link in map(unescape, re.findall(r'(?:href|src)="([^"]*)"', page)):
            if is_elsewhere(link):
                continue
            assert not link.startswith("/")
            address, _, anchor = urljoin(path, link).partition("#")
            found = await site.get(address)
            assert found.status == 200, (guide.name, link)
            if anchor:
                assert f'id="{anchor}"' in found.body.decode(), (guide.name, link)


def headings(markdown: str) -> set[str]:
    """What `#...` may name."""
    text = "".join(guides._FENCE.split(markdown)[::2])
    return {guide_page.slug(line) for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


async def test_a_document_as_markdown(port: int) -> None:
    """Its type, both forms with their tags, 304, HEAD, and CORS for programs in browsers."""
    plain = await ask(port, "/docs/card.md")
    packed = await ask(port, "/docs/card.md", "Accept-Encoding: gzip")
    assert plain.status == 200
    assert plain.header("content-type") == "text/markdown; charset=utf-8"
    assert plain.header("access-control-allow-origin") == "*"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.body.decode().startswith("# Cards, badges and avatars\n")
    again = await ask(port, "/docs/card.md", f"If-None-Match: {plain.header('etag')}")
    assert (again.status, again.body) == (304, b"")
    head = await ask(port, "/docs/card.md", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.header("etag") == plain.header("etag")


@pytest.mark.parametrize(
    "name",
    [
        *("image.png", "../README.md", "decisions/0001-raw-shards.md", "api.html"),
        *("images", "images/../card.md", "guides.md", "api/card.md"),
    ],
)
async def test_nothing_else_is_there(port: int, name: str) -> None:
    """Only what was listed at the start."""
    assert (await ask(port, f"/docs/{name}")).status == 404


async def test_images(port: int) -> None:
    """With their types."""
    kinds = {".png": "image/png", ".svg": "image/svg+xml; charset=utf-8"}
    for name, path in guides.images().items():
        answer = await ask(port, f"/docs/{name}")
        assert answer.body == path.read_bytes()
        assert answer.header("content-type") == kinds[path.suffix]


async def test_llms_text(store: Store) -> None:
    """llmstxt.org: a title, a summary, and links in sections, whole where the address is known."""
    for public_url in ("", "https://grux.example.org"):
        async with serving(store, public_url=public_url) as port:
            answer = await ask(port, "/llms.txt")
            text = answer.body.decode()
            assert answer.status == 200
            assert answer.header("content-type") == "text/plain; charset=utf-8"
            assert re.match(r"# Grux\n\n> .+\n\n## ", text)
            found = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): .+$", text, re.MULTILINE)
            base = f"{public_url}/docs/" if public_url else "docs/"
            assert found == [f"{base}{name}.md" for name in [*REFERENCES, *NAMES]]
            lines = [line for line in text.splitlines()[3:] if line and line[0] not in "#-"]
            assert lines == []


async def test_the_list(port: int) -> None:
    """Each document with its summary, linked from every page of the docs."""
    page = (await ask(port, "/docs/guides")).body.decode()
    for guide in [*guides.REFERENCES, *ALL]:
        assert f'<a href="{guide.html_name}">' in page
        assert guide.summary in unescape(page)
    for path in ("/docs", "/docs/websocket", "/privacy"):
        assert "docs/guides" in (await ask(port, path)).body.decode()


async def test_the_references_are_whole(port: int) -> None:
    """Every route and frame, every type, every field."""
    rest = (await ask(port, "/docs/rest-reference.md")).body.decode()
    document = openapi.document("")
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            assert (f"\n### {method.upper()} {path}\n" in rest) == (method in item), path
    for name, schema in document["components"]["schemas"].items():
        section = rest.partition(f"\n### {name}\n")[2]
        for field in schema["properties"]:
            assert f"| `{field}` |" in section, name
    socket = (await ask(port, "/docs/websocket-reference.md")).body.decode()
    for name in ("initial_data", "presence_update", "profile_update", "error"):
        assert f"\n### `{name}`\n" in socket
    assert "| 4404 | user_not_monitored |" in socket


def test_cells_of_tables() -> None:
    """A cell is one line, and ends only where it should."""
    assert reference_markdown._cell("a |\n b") == "a \\| b"


def test_html_in_a_document_is_text() -> None:
    """No document can bring a script, a handler or an address that runs one."""
    text = '# T\n\n<script>alert(1)</script> <b onclick="x">\n\n[a](javascript:alert(1))\n'
    page = guide_page.render_main(ALL[0], text)
    assert "<script" not in page
    assert "<b" not in page
    assert 'href="javascript' not in page


def test_anchors_are_those_of_the_repository() -> None:
    """As GitHub spells them, so that a link works in both places."""
    for guide in ALL:
        page = guide_page.render_main(guide, guides.markdown(guide, SHOWN))
        ids = re.findall(r'<h[2-6] id="([^"]+)"', page)
        assert len(ids) == len(set(ids)), guide.name
        assert {re.sub(r"-\d+$", "", name) for name in ids} <= {
            re.sub(r"-\d+$", "", name) for name in anchors(guide.path)
        }
