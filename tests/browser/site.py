"""Another website: another origin, whose page the test chooses."""

from __future__ import annotations

from typing import Self

from aiohttp import web

from testing.free_port import free_port


class Site:
    """A context manager: while it is open, the page is at `url`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.html = ""
        app = web.Application()
        app.add_routes([web.get("/", self._page), web.get("/favicon.ico", self._icon)])
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.html, content_type="text/html")

    async def _icon(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)
