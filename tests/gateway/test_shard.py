"""A shard that is ended leaves nothing behind, whatever it was doing."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.gateway.shard import Shard
from tests.ended import ended
from tests.eventually import eventually


class Nobody:
    """Takes in whatever comes."""

    def take(self, name: str, payload: Any) -> None: ...

    def lost(self) -> None: ...


async def at_once() -> None: ...


async def test_a_shard_that_is_ended_while_it_connects_is_gone() -> None:
    """Else it would come through one day, beside the process that runs the shard by then."""
    asked = 0

    async def refuse(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get("/{rest:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    before = asyncio.all_tasks()
    shard = Shard("token", 0, 1)
    url = f"http://{host}:{port}"
    task = asyncio.create_task(shard.run(url, Nobody(), at_once, lambda: None))
    await eventually(lambda: asked)
    await ended(task)
    assert not shard.is_ours
    await runner.cleanup()
    assert {one.get_name() for one in asyncio.all_tasks() - before} == set()
