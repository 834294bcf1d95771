"""A visitor: one browser tab, what it may load, and what went wrong in it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, Route, WebSocket

from simulator.drawings import drawing
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.browser.site import Site
from tests.e2e.stack import Stack

PICTURES = ("i.scdn.co", "media.discordapp.net", "static-cdn.jtvnw.net", "i.ytimg.com")
PATIENCE_MS = 1000 * PATIENCE

_HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Visitor:
    """Use `comes`."""

    def __init__(self, stack: Stack, site: Site, page: Page) -> None:
        self.stack = stack
        self.site = site
        self.page = page
        self.api = f"http://127.0.0.1:{stack.api_port}"
        self.complaints: list[str] = []  # of the console and of scripts
        self.strangers: list[str] = []  # requests to where none should go
        self.sockets: list[WebSocket] = []
        self.card = page.locator("grux-presence .card").first
        self._expected: tuple[str, ...] = ()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("websocket", self._socket)

    @classmethod
    @asynccontextmanager
    async def comes(
        cls,
        stack: Stack,
        site: Site,
        browser: Browser,
        *,
        width: int = 1280,
        height: int = 860,
        scheme: Literal["dark", "light"] = "light",
        calm: bool = True,
        scale: float = 1,
    ) -> AsyncIterator[Self]:
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if calm else "no-preference",
            device_scale_factor=scale,
        )
        context.set_default_timeout(PATIENCE_MS)
        visitor = cls(stack, site, await context.new_page())
        await context.route(visitor._is_elsewhere, visitor._elsewhere)
        try:
            yield visitor
        finally:
            await context.close()

    async def opens(self, path: str = "/") -> None:
        await self.page.goto(f"{self.api}{path}")

    async def embeds(self, body: str, *, style: str = "") -> None:
        """A page of another site with the widget's script and this in it."""
        self.site.html = (
            f"<!doctype html><html lang=en><title>A site</title><meta charset=utf-8>"
            f"<style>{style}</style><main>{body}</main>"
            f'<script type="module" src="{self.api}/widget.js"></script>'
        )
        await self.page.goto(self.site.url)

    async def sees(self, text: str | re.Pattern[str], place: Locator | None = None) -> None:
        """Wait for the text on the first card, or in another place."""
        shown = (place or self.card).get_by_text(text).first
        await shown.wait_for(state="visible")

    async def until(self, script: str, argument: Any = None) -> Any:
        """Wait until the expression is true in the page; gives what it gave."""
        return await eventually_async(lambda: self.page.evaluate(script, argument))

    async def hides(self, hidden: bool) -> None:
        """Go to another tab, or come back."""
        await self.page.evaluate(_HIDE, hidden)

    async def connected(self, count: int) -> list[WebSocket]:
        """Wait until so many sockets are open."""
        await eventually(lambda: len(self.open_sockets()) == count)
        return self.open_sockets()

    def open_sockets(self) -> list[WebSocket]:
        return [socket for socket in self.sockets if not socket.is_closed()]

    def expects(self, *words: str) -> None:
        """Complaints with any of these words are part of the test."""
        self._expected = words
        self.complaints = [said for said in self.complaints if not self._is_expected(said)]

    def collects(self, holds: Callable[[str], bool]) -> list[str]:
        """The URLs of requests from now on of which this holds."""
        found: list[str] = []

        def hear(request: Request) -> None:
            if holds(request.url):
                found.append(request.url)

        self.page.on("request", hear)
        return found

    def _socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self._is_expected(message.text):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")

    def _is_expected(self, said: str) -> bool:
        return any(word in said for word in self._expected)

    def _is_elsewhere(self, url: str) -> bool:
        return urlsplit(url).hostname != "127.0.0.1"

    async def _elsewhere(self, route: Route) -> None:
        """The internet as it is here: pictures from where they may come from, and nothing else."""
        url = urlsplit(route.request.url)
        if url.hostname in PICTURES and route.request.resource_type == "image":
            picture = drawing("tile", url.path, 160, 160)
            await route.fulfill(
                body=picture,
                content_type="image/png",
                headers={"Access-Control-Allow-Origin": "*"},
            )
            return
        self.strangers.append(route.request.url)
        await route.abort()
