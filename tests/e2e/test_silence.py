"""After the gateway was killed, every response says for how long it has been silent."""

from __future__ import annotations

import signal

import aiohttp

from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.free_port import free_port
from tests.e2e.stack import FIRST, ROBIN, Stack, running
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
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            await eventually_async(lambda: store.redis.exists(keys.HEARTBEATS))
            await stack.processes["gateway"].stop(signal.SIGKILL)
            # A minute passes.
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


async def test_nobody_is_shown_when_the_gateway_has_been_gone_for_a_day() -> None:
    """Every reader answers as for an unknown user. The next gateway deletes what is left, and shows
    only those who are still members."""
    async with running() as stack:
        leaver = next(one for one in stack.simulator.world.guild(FIRST).members if one != ROBIN)
        await stack.shows(leaver, lambda data: True)
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            await eventually_async(lambda: store.redis.exists(keys.HEARTBEATS))
            await stack.processes["gateway"].stop(signal.SIGKILL)
            # A day passes.
            await store.redis.zincrby(keys.HEARTBEATS, -1000 * 24 * 60 * MINUTE, "0/1")
            await stack.not_monitored(ROBIN)
            frame = await watcher.until(lambda frame: frame["op"] == "error")
            assert frame["d"]["code"] == "user_not_monitored"
            assert await eventually(lambda: watcher.close_code) == 4404
            late = await stack.watch(ROBIN)
            assert await eventually(lambda: late.close_code) == 4404

            stack.simulator.world.remove_member(FIRST, leaver)
            gateway = await stack.start("gateway")
            await gateway.line_with("deleted 31 users")
            await stack.shows(ROBIN, lambda data: True)
            await stack.not_monitored(leaver)
