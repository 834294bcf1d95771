"""A document of docs/ as HTML, and the page that lists all of them.

HTML in a document is shown as text: none needs it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby, pairwise
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from services.api.endpoints.docs.guides import HTML_NAMES, Guide, plain

_RELATIVE: Final = re.compile(r"(?![a-z]+:|//|#)")


def render_main(guide: Guide, text: str) -> str:
    """The document's text (Markdown, its links resolved) as the content of a page."""
    tokens = _PARSER.parse(text)
    headings = _name_headings(tokens)
    body = _PARSER.renderer.render(tokens, _PARSER.options, {})
    file = f"{guide.name.rpartition('/')[2]}.md"
    links = [f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in headings]
    contents = f'<nav aria-label="On this page"><ul>{"".join(links)}</ul></nav>' if links else ""
    raw = f'<p class="raw">For tools: <a href="{file}">{file}</a></p>'
    body = body.replace("</h1>", f"</h1>\n{raw}\n{contents}", 1)
    return f'<main class="reference" id="main">\n{body}</main>'


def render_list(guides: Sequence[Guide]) -> str:
    """All documents, by section."""
    parts = ['<main class="reference" id="main">', "<h1>Guides</h1>"]
    parts.append('<p class="raw">For tools: <a href="../llms.txt">llms.txt</a></p>')
    for section, members in groupby(guides, lambda guide: guide.section):
        items = "".join(
            f'<li><a href="{guide.html_name}">{escape(guide.title)}</a>: {escape(guide.summary)}'
            "</li>\n"
            for guide in members
        )
        parts.append(f"<h2>{escape(section)}</h2>\n<ul>\n{items}</ul>")
    return "\n".join([*parts, "</main>"])


def slug(heading: str) -> str:
    """What a link's `#...` names, spelled as GitHub does. `heading`: Markdown."""
    return re.sub(r"[^\w\- ]", "", plain(heading).lower()).replace(" ", "-")


def _name_headings(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Gives each heading an id; id and text of those of the second level."""
    seen: dict[str, int] = {}
    found: list[tuple[str, str]] = []
    for token, inline in pairwise(tokens):
        if token.type != "heading_open" or token.tag == "h1":
            continue
        name = slug(inline.content)
        count = seen[name] = seen.get(name, -1) + 1
        name = f"{name}-{count}" if count else name
        token.attrSet("id", name)
        if token.tag == "h2":
            found.append((name, plain(inline.content)))
    return found


class _Renderer(RendererHTML):
    """Wide tables and code scroll, also by keyboard; links lead to pages, not to files."""

    def table_open(self, *_: Any) -> str:
        return '<div class="wide" tabindex="0"><table>\n'

    def table_close(self, *_: Any) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], place: int, *_: Any) -> str:
        return '<th scope="col">' if tokens[place + 1].content else "<td>"

    def th_close(self, tokens: Sequence[Token], place: int, *_: Any) -> str:
        return "</th>" if tokens[place - 1].content else "</td>"

    def fence(self, tokens: Sequence[Token], place: int, *_: Any) -> str:
        return self._code(tokens[place])

    def code_block(self, tokens: Sequence[Token], place: int, *_: Any) -> str:
        return self._code(tokens[place])

    def link_open(self, tokens: Sequence[Token], place: int, *_: Any) -> str:
        return f'<a href="{escape(page_link(str(tokens[place].attrGet("href"))))}">'

    @staticmethod
    def _code(token: Token) -> str:
        return f'<pre tabindex="0"><code>{escape(token.content, quote=False)}</code></pre>\n'


def page_link(link: str) -> str:
    """`api.md#x` is the page `api#x`."""
    path, mark, anchor = link.partition("#")
    if not path.endswith(".md") or not _RELATIVE.match(link):
        return link
    folder, slash, name = path.removesuffix(".md").rpartition("/")
    return f"{folder}{slash}{HTML_NAMES.get(name, name)}{mark}{anchor}"


_PARSER: Final = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
