"""/overlay/:id and /embed/:id: pages with the widget alone."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from services.api.endpoints import widget_attributes
from services.api.endpoints.static import WIDGET_DIR
from services.api.http.security_headers import SELF
from shared.discord import snowflake
from shared.redis.store import Store
from tests.api.golden import RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving
from tests.documents import ROOT, rows

ID = RICH.user_id
KINDS = ["overlay", "embed"]
ATTRIBUTES = widget_attributes.read_attributes(WIDGET_DIR)


class Tags(HTMLParser):
    """Collects the elements: names and attributes."""

    def __init__(self, page: Answer) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def policy_of(page: Answer) -> dict[str, str]:
    policy = page.header("content-security-policy") or ""
    return dict(part.split(" ", 1) for part in policy.split("; "))


def test_the_widget_says_which_attributes_there_are() -> None:
    """All that docs/widget.md lists, except what the page itself decides."""
    documented = {row[0] for row in rows(ROOT / "docs/widget.md", "Attributes")}
    assert set(ATTRIBUTES) == documented - {"user", "server", "socket"}
    assert ATTRIBUTES["size"] == ("compact",)
    assert {"light", "dark", "auto"} <= set(ATTRIBUTES["theme"])
    assert {"badges", "spotify", "activities"} <= set(ATTRIBUTES["hide"])


def test_an_unreadable_list_stops_the_start(tmp_path: Path) -> None:
    """Not the first request."""
    (tmp_path / "element.js").write_text("export {};")
    with pytest.raises(ValueError, match="does not list its attributes"):
        widget_attributes.read_attributes(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_attribute_is_a_parameter(port: int, kind: str) -> None:
    """Each word of the widget's own lists, alone and together."""
    for name, words in ATTRIBUTES.items():
        for word in words:
            page = await ask(port, f"/{kind}/{ID}?{name}={word}")
            assert (page.status, page.header("x-grux-unusable")) == (200, None)
            (widget,) = Tags(page).of("grux-presence")
            assert widget["user"] == str(ID)
            assert widget[name] == word
    for hide in ("hide=badges,clan%20spotify", "hide=spotify&hide=badges,clan"):
        page = await ask(port, f"/{kind}/{ID}?{hide}&theme=light&size=compact&theme=paper")
        (widget,) = Tags(page).of("grux-presence")
        assert {**widget, "hide": set((widget["hide"] or "").split())} == {
            "user": str(ID),
            "theme": "paper",
            "size": "compact",
            "hide": {"badges", "clan", "spotify"},
        }


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_else_gets_onto_the_page(port: int, kind: str) -> None:
    """Unknown words, other attributes and markup; the header names what was not used."""
    plain = await ask(port, f"/{kind}/{ID}")
    hostile = "theme=%22%3E%3Cscript%3E&hide=%22onload%3Dx&size=big&server=https://evil.example"
    page = await ask(port, f"/{kind}/{ID}?{hostile}&socket=wss://evil.example&user=1&style=x")
    assert page.body == plain.body
    assert page.header("x-grux-unusable") == "hide, size, theme"
    several = await ask(port, f"/{kind}/{ID}?theme=light,dark")
    assert several.body == plain.body
    assert several.header("x-grux-unusable") == "theme"
    some = await ask(port, f"/{kind}/{ID}?hide=badges,%22onload%3Dx")
    assert Tags(some).of("grux-presence")[0]["hide"] == "badges"
    assert some.header("x-grux-unusable") == "hide"


def test_an_attribute_without_words_is_on_or_off() -> None:
    """As in HTML: it needs no value."""
    attributes = {"still": (), "theme": ("dark",)}
    for value, chosen in {"": {"still": ""}, "true": {"still": ""}, "false": {}}.items():
        assert widget_attributes.chosen_attributes(attributes, {"still": value}) == (chosen, [])


@pytest.mark.parametrize("kind", KINDS)
async def test_no_cookies_and_no_referrer(port: int, kind: str) -> None:
    """And nothing inline, nothing from elsewhere but the pictures of presences."""
    page = await ask(port, f"/{kind}/{ID}")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert page.header("set-cookie") is None
    assert page.header("referrer-policy") == "no-referrer"
    assert page.header("x-content-type-options") == "nosniff"
    assert "camera=()" in (page.header("permissions-policy") or "")
    policy = policy_of(page)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == SELF
    tags = Tags(page)
    assert [tag["src"] for tag in tags.of("script")] == ["../widget.js"]
    assert [tag["href"] for tag in tags.of("link")] == ["../embedded.css"]
    assert not {"style", "base", "iframe"} & {name for name, _ in tags.found}
    for path in ("/widget.js", "/embedded.css"):
        assert (await ask(port, path)).status == 200


@pytest.mark.parametrize("path", [f"/embed/{ID}", "/embed/x"])
async def test_any_page_may_frame_an_embed(port: int, path: str) -> None:
    """Also one that is isolated from other origins (COEP), and a note in Obsidian."""
    page = await ask(port, path)
    assert policy_of(page)["frame-ancestors"] == "* app: capacitor:"
    assert page.header("x-frame-options") is None
    assert page.header("cross-origin-resource-policy") == "cross-origin"
    assert page.header("cross-origin-embedder-policy") == "credentialless"


@pytest.mark.parametrize("path", ["/", "/docs", "/privacy", f"/overlay/{ID}", "/overlay/x"])
async def test_no_page_frames_the_others(port: int, path: str) -> None:
    """/me and /auth/ have tests of their own."""
    page = await ask(port, path, "Accept: text/html")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert policy_of(page)["frame-ancestors"] == "'none'"
    assert page.header("x-frame-options") == "DENY"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_malformed_id_is_a_page_that_says_so(port: int, kind: str) -> None:
    """In words, which repeat nothing of the id."""
    page = await ask(port, f"/{kind}/%3Cscript%3Erobin")
    assert page.status == 400
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert page.header("cache-control") == "no-store"
    assert b"This is not an id" in page.body
    assert snowflake.FORM.encode() in page.body
    assert b"robin" not in page.body
    assert Tags(page).of("script") == Tags(page).of("grux-presence") == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_page_does_not_say_who_is_shown(kind: str) -> None:
    """It reads nothing: it is the same for users and strangers, and while Redis is down."""
    stranger = "1138383128625152999"
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        pages = [await ask(port, f"/{kind}/{user_id}") for user_id in (ID, stranger)]
        known, unknown = (page.body.decode() for page in pages)
        assert known.replace(str(ID), stranger) == unknown
        assert [page.status for page in pages] == [200, 200]


@pytest.mark.parametrize("kind", KINDS)
async def test_head_and_a_page_that_the_browser_has(port: int, kind: str) -> None:
    """As on the other routes; a 304 has the policy too."""
    page = await ask(port, f"/{kind}/{ID}?theme=light")
    head = await ask(port, f"/{kind}/{ID}?theme=light", method="HEAD")
    assert (head.status, head.headers, head.body) == (200, page.headers, b"")
    same = await ask(port, f"/{kind}/{ID}?theme=light", f"If-None-Match: {page.header('etag')}")
    assert same.status == 304
    name = "content-security-policy"
    assert same.header(name) == page.header(name)
    assert (await ask(port, f"/{kind}/{ID}")).header("etag") != page.header("etag")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (f"/embed/{ID}/?theme=dark", f"../../embed/{ID}?theme=dark"),
        (f"/Overlay/{ID}?size=compact", f"../overlay/{ID}?size=compact"),
    ],
)
async def test_another_spelling_is_redirected(port: int, path: str, location: str) -> None:
    """The links in the page are relative to its address. The parameters stay."""
    answer = await ask(port, path)
    assert (answer.status, answer.header("location")) == (308, location)
