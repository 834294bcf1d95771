"""What a browser makes of a page: its controls, forms, links and text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

HOSTILE = "\"><script>alert(1)</script>'&"


class PageReader(HTMLParser):
    """Reads the whole page at once."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.described: list[str] = []
        self.labelled: list[str] = []
        self.fields: list[tuple[str, str]] = []  # what the settings form sends
        self.controls: list[dict[str, str | None]] = []
        self.forms: list[dict[str, str | None]] = []
        self.tokens: dict[str, list[str | None]] = {}  # by the action of their form
        self.hrefs: list[str] = []
        self.inline: list[str] = []
        self.text = ""
        self._area = ""
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known: dict[str, Any] = dict(attrs)
        self.ids += [known["id"]] if "id" in known else []
        self.described += (known.get("aria-describedby") or "").split()
        self.inline += [name for name in known if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in known:
            self.inline.append("script")
        if tag == "label":
            self.labelled.append(known["for"])
        if tag == "form":
            self.forms.append(known)
        if tag == "a":
            self.hrefs.append(known["href"])
        if tag in ("input", "select", "textarea"):
            if known.get("name") == "csrf":
                self.tokens.setdefault(self.forms[-1]["action"] or "", []).append(known["value"])
                return
            self.controls.append({"tag": tag, **known})
            if tag == "input" and (known.get("type") != "checkbox" or "checked" in known):
                self.fields.append((known["name"], known.get("value", "")))
        if tag == "option" and "selected" in known:
            self.fields.append((self.controls[-1]["name"] or "", known["value"]))
        self._area = known["name"] if tag == "textarea" else ""

    def handle_endtag(self, tag: str) -> None:
        self._area = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._area:
            self.fields.append((self._area, data.removeprefix("\n")))
