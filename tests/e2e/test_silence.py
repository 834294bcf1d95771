"""After the gateway was killed, every response says for how long it has been silent."""

from __future__ import annotations

import signal

import aiohttp

from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from tests.e2e.stack import ROBIN, Stack, running
from tests.scraped import until, until_health

MINUTE = 60  # seconds


async def stale(stack: Stack, status: int, longer_than: int) -> int:
    """Request Robin until the response has this status and a higher X-Grux-Stale."""

    async def told() -> int:
        url = f"http://127.0.0.1:{stack.api_port}/user/{ROBIN}"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            seconds = int(answer.headers.get("X-Grux-Stale", 0))
            return seconds if answer.status == status and seconds > longer_than else 0

    return await eventually_async(told)


async def test_responses_are_marked_as_stale_without_a_gateway() -> None:
    """The header grows, also after Redis lost its data, and is gone once a gateway is back."""
    async with running(services=("gateway",)) as stack:
        metrics = free_port()
        await stack.start("api", METRICS_PORT=str(metrics))
        await stack.shows(ROBIN, lambda data: True)
        await stack.processes["gateway"].stop(signal.SIGKILL)
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:  # a minute passes
            await store.redis.zincrby(keys.HEARTBEATS, -1000 * MINUTE, "0/1")
        first = await stale(stack, 200, longer_than=MINUTE - 1)
        second = await stale(stack, 200, longer_than=first)
        await stack.redis.kill()
        await stack.redis.start()
        third = await stale(stack, 404, longer_than=second)
        await stale(stack, 404, longer_than=third)
        await until_health(metrics, lambda now: now["gateway_silent_for"] >= third)
        await until(metrics, "grux_gateway_silent_seconds", holds=lambda now: now >= third)
        await stack.start("gateway")
        await stack.shows(ROBIN, lambda data: True)
        await until_health(metrics, lambda now: now["gateway_silent_for"] is None)
        await until(metrics, "grux_gateway_silent_seconds", holds=lambda now: now == 0)
