"""The frame of the pages beside `/`: head and header. They look like the page at `/`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template
from typing import Final

from msgspec import Struct


class NavLink(Struct, frozen=True):
    """A link in the header. `path`: below the root."""

    path: str
    label: str


DOCUMENTS: Final = (
    NavLink("docs", "REST"),
    NavLink("docs/websocket", "WebSocket"),
    NavLink("docs/guides", "Guides"),
    NavLink("privacy", "Privacy"),
)

# Addresses are relative, so that the pages also work below a path of a proxy.
_PAGE: Final = Template("""\
<!doctype html>
<html lang="en" data-root="$root">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Grux: $title</title>
<meta name="description" content="$description">
<link rel="icon" href="${root}favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${root}page.css">
<link rel="stylesheet" href="${root}$sheet">
<script type="module" src="${root}theme.js" blocking="render"></script>
$head</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
  <a class="brand" href="$root">
    <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 2a14 14 0 1 0 8.3 25.3 6.2 6.2 0 0 1 5-10A14 14 0 0 0 16 2Z"/><circle cx="26" cy="26" r="4.4"/></svg>
    Grux
  </a>
  <nav aria-label="$nav_label">
    $links
    <button type="button" id="theme" aria-label="Dark theme" aria-pressed="false" title="Dark or light">
      <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17Z"/></svg>
    </button>
  </nav>
</header>
$main
</body>
</html>
""")  # noqa: E501 (paths of icons)


def page(
    main: str,
    *,
    title: str,
    description: str,
    root: str = "./",
    sheet: str = "docs/docs.css",
    head: str = "",
    nav_label: str = "Documents",
    links: Sequence[NavLink] = DOCUMENTS,
    current: str = "",
) -> bytes:
    """A whole page. `main`: HTML. `root`: the relative address of `/`. `current`: a link's path."""
    shown = (
        f'<a href="{root}{link.path}"{_HERE if link.path == current else ""}>{link.label}</a>'
        for link in links
    )
    return _PAGE.substitute(
        main=main,
        title=escape(title),
        description=escape(description),
        root=root,
        sheet=sheet,
        head=head,
        nav_label=nav_label,
        links="\n    ".join(shown),
    ).encode()


_HERE: Final = ' aria-current="page"'
