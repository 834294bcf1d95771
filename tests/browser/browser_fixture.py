"""One browser tab, the requests that it may make, and its errors."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, Route, WebSocket

from testing.eventually import PATIENCE, eventually, eventually_async
from tests.browser.site import Site
from tests.e2e.stack import Stack

PATIENCE_MS = 1000 * PATIENCE

_HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class BrowserTab:
    """Create it by `open`."""

    def __init__(self, stack: Stack, site: Site, page: Page) -> None:
        self.stack = stack
        self.site = site
        self.page = page
        self.api = f"http://127.0.0.1:{stack.api_port}"
        self.errors: list[str] = []  # of the console and of scripts
        self.foreign_requests: list[str] = []  # to where none should go
        self.sockets: list[WebSocket] = []
        self.card = page.locator("grux-presence .card").first
        self._allowed: tuple[str, ...] = ()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", self._socket)

    @classmethod
    @asynccontextmanager
    async def open(
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
        scripts: bool = True,
    ) -> AsyncIterator[Self]:
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if calm else "no-preference",
            device_scale_factor=scale,
            java_script_enabled=scripts,
        )
        context.set_default_timeout(PATIENCE_MS)
        tab = cls(stack, site, await context.new_page())
        await context.route(tab._is_foreign, tab._route_foreign)
        try:
            yield tab
        finally:
            await context.close()

    async def goto(self, path: str = "/") -> None:
        await self.page.goto(f"{self.api}{path}")

    async def embed(self, body: str, *, style: str = "") -> None:
        """Open a page of another site with the widget's script and this body."""
        self.site.html = (
            f"<!doctype html><html lang=en><title>A site</title><meta charset=utf-8>"
            f"<style>{style}</style><main>{body}</main>"
            f'<script type="module" src="{self.api}/widget.js"></script>'
        )
        await self.page.goto(self.site.url)

    async def wait_for_text(
        self, text: str | re.Pattern[str], place: Locator | None = None
    ) -> None:
        """Wait until the text is visible on the first card, or in another place."""
        shown = (place or self.card).get_by_text(text).first
        await shown.wait_for(state="visible")

    async def until(self, script: str, argument: Any = None) -> Any:
        """Wait until the expression is truthy in the page; return its value."""
        return await eventually_async(lambda: self.page.evaluate(script, argument))

    async def set_hidden(self, hidden: bool) -> None:
        """Switch to another tab, or back to this one."""
        await self.page.evaluate(_HIDE, hidden)

    async def connected(self, count: int) -> list[WebSocket]:
        """Wait until exactly so many WebSockets are open."""
        await eventually(lambda: len(self.open_sockets()) == count)
        return self.open_sockets()

    def open_sockets(self) -> list[WebSocket]:
        return [socket for socket in self.sockets if not socket.is_closed()]

    def allow_errors(self, *words: str) -> None:
        """Errors with any of these words are part of the test."""
        self._allowed = words
        self.errors = [text for text in self.errors if not self._is_allowed(text)]

    def collect_requests(self, matches: Callable[[str], bool]) -> list[str]:
        """The URLs of the requests from now on that match."""
        found: list[str] = []

        def record(request: Request) -> None:
            if matches(request.url):
                found.append(request.url)

        self.page.on("request", record)
        return found

    def _socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self._is_allowed(message.text):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _is_allowed(self, text: str) -> bool:
        return any(word in text for word in self._allowed)

    def _is_foreign(self, url: str) -> bool:
        return urlsplit(url).hostname != "127.0.0.1"

    async def _route_foreign(self, route: Route) -> None:
        """There is no internet: the simulator serves the pictures of all hosts."""
        self.foreign_requests.append(route.request.url)
        await route.abort()
