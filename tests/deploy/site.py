"""Two api, two ws and one cards behind a proxy, and what any proxy has to do for them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct
from websockets.asyncio.client import connect

from testing.event_stream import EventStreamParser
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.free_port import free_port
from tests.e2e.stack import ROBIN, Stack, Watcher, running

ANNA, BEN = "1.2.3.4", "1.2.3.5"  # public addresses: only those are limited


class Site(Struct):
    """The processes, and the port of the proxy."""

    stack: Stack
    port: int
    http: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.http.get(url, headers=headers) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def watch(self, path: str = "/", **headers: str) -> Watcher:
        url = f"ws://127.0.0.1:{self.port}{path}?user_id={ROBIN}"
        return Watcher(await connect(url, additional_headers=headers, proxy=None))


@asynccontextmanager
async def services(**env: str) -> AsyncIterator[tuple[Stack, dict[int, int]]]:
    """Yields the processes, and their real ports by those that the configurations name."""
    async with running(services=("gateway",)) as stack:
        ports = {
            8000: stack.api_port,
            8010: free_port(),
            8001: stack.ws_port,
            8011: free_port(),
            8002: stack.cards_port,
        }
        for documented, real in ports.items():
            kind = ("api", "ws", "cards")[documented % 10]
            listens = {
                f"{kind.upper()}_PORT": str(real),
                "TRUSTED_PROXIES": "127.0.0.1",
                "CARDS_URL": "",
                "WS_URL": "",
            }
            await stack.start(kind, **listens, **env)
            stack.processes[str(documented)] = stack.processes.pop(kind)
        for documented in ports:
            await stack.processes[str(documented)].line_with("listening")
        await stack.shows(ROBIN, lambda data: True)
        yield stack, ports


async def it_serves_while_a_process_is_left(site: Site) -> None:
    """REST and WebSockets on one port; one api and one ws are killed, then every api."""
    await reads_and_sockets_go_through(site)
    await event_streams_go_through(site)
    await cards_and_badges_go_through(site)
    await the_api_decides_what_is_too_large(site)
    await one_of_each_is_killed(site)
    await every_api_is_killed(site)


async def reads_and_sockets_go_through(site: Site) -> None:
    """ETags work, the WebSocket is at any path, and frames arrive unbuffered."""
    url = f"http://127.0.0.1:{site.port}/user/{ROBIN}"
    async with site.http.get(url) as answer:
        assert answer.status == 200
        tag = answer.headers["ETag"]
    async with site.http.get(url, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    watchers = [await site.watch("/"), await site.watch("/socket")]
    for watcher in watchers:
        await watcher.until(lambda frame: frame["op"] == "initial_data")
    site.stack.simulator.world.set_presence(ROBIN, "dnd", [], {"web": "dnd"})
    for watcher in watchers:
        await watcher.until(lambda frame: frame["d"].get("status") == "dnd")
        await watcher.close()


async def event_streams_go_through(site: Site) -> None:
    """Each event arrives at once."""
    url = f"http://127.0.0.1:{site.port}/events?user_id={ROBIN}"
    parser, statuses = EventStreamParser(), []
    async with asyncio.timeout(PATIENCE), site.http.get(url) as answer:
        assert answer.content_type == "text/event-stream"
        while "idle" not in statuses:
            for event in parser.feed(await answer.content.readany()):
                statuses.append(event.frame["d"].get("status"))
                site.stack.simulator.world.set_presence(ROBIN, "idle", [], {"web": "idle"})
    assert (await site.get("/events?user_id=x"))[1]["error"]["code"] == "invalid_user_id"


async def cards_and_badges_go_through(site: Site) -> None:
    """They come from cards: the api does not forward here."""
    now_playing = f"/now-playing/{ROBIN}"
    pictures = (f"/card/{ROBIN}", now_playing)
    for path in (
        *(f"{one}.{kind}" for one in pictures for kind in ("svg", "png")),
        f"/badge/{ROBIN}.svg",
    ):
        async with site.http.get(f"http://127.0.0.1:{site.port}{path}") as answer:
            assert answer.status == 200, path
            assert answer.content_type.startswith("image/")
            assert "X-Grux-Problem" not in answer.headers
    assert (await site.get(f"/badge/{ROBIN}.json"))[1]["schemaVersion"] == 1
    assert (await site.get(now_playing))[1]["success"]
    assert (await site.get("/card/"))[1]["error"]["code"] == "not_found"


async def the_api_decides_what_is_too_large(site: Site) -> None:
    """Its error is one that pages can read."""
    status, _ = await site.get(f"/user/{ROBIN}", Cookie="x" * 31_000)
    assert status == 200
    status, body = await site.get(f"/user/{ROBIN}", Cookie="x" * 33_000)
    assert (status, body["error"]["code"]) == (431, "headers_too_large")


async def one_of_each_is_killed(site: Site) -> None:
    """No read fails, and each new client is connected to the remaining ws."""
    watchers = [await site.watch() for _ in range(4)]
    for watcher in watchers:
        await watcher.until(lambda frame: frame["op"] == "initial_data")
    await site.stack.processes["8000"].stop(signal.SIGKILL)
    await site.stack.processes["8001"].stop(signal.SIGKILL)
    for _ in range(20):
        assert (await site.get(f"/user/{ROBIN}"))[0] == 200
    for _ in range(4):
        newcomer = await site.watch()
        await newcomer.until(lambda frame: frame["op"] == "initial_data")
        await newcomer.close()
    gone = await eventually(lambda: [one for one in watchers if one.close_code is not None])
    assert len(gone) < len(watchers)  # each ws had some of the clients
    for watcher in watchers:
        await watcher.close()


async def every_api_is_killed(site: Site) -> None:
    """The error is JSON that pages can read; once api is back, so are its responses."""
    await site.stack.processes["8010"].stop(signal.SIGKILL)
    async with site.http.get(f"http://127.0.0.1:{site.port}/user/{ROBIN}") as answer:
        assert answer.status == 503
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Retry-After"] == "2"
        assert msgspec.json.decode(await answer.read())["error"]["code"] == "unavailable"
    await site.stack.start("api")

    async def back() -> bool:
        return (await site.get(f"/user/{ROBIN}"))[0] == 200

    await eventually_async(back)


async def a_draining_ws_is_skipped(site: Site) -> None:
    """A draining ws refuses new clients with 503; they are connected to the other one. ws has
    DRAIN_SECONDS=5."""
    ending, other = site.stack.processes["8001"], site.stack.processes["8011"]
    watchers = [await site.watch(), await site.watch()]
    for watcher in watchers:
        await watcher.until(lambda frame: frame["op"] == "initial_data")
    ending.send(signal.SIGTERM)
    url = f"http://127.0.0.1:{site.stack.ws_port}/ready"

    async def drains() -> bool:
        async with site.http.get(url) as answer:
            return answer.status == 503

    await eventually_async(drains)
    newcomers = [await site.watch() for _ in range(4)]
    for newcomer in newcomers:
        await newcomer.until(lambda frame: frame["op"] == "initial_data")
    assert await ending.ended() == 0
    assert other.running
    told = await eventually(lambda: [one.close_code for one in watchers if one.close_code])
    assert told == [1012]  # only the client of the draining ws; new clients notice nothing
    assert [one.close_code for one in newcomers] == [None] * 4
    for watcher in [*watchers, *newcomers]:
        await watcher.close()
    for name in ("8000", "8010", "8011"):  # otherwise five seconds each
        await site.stack.processes[name].stop(signal.SIGKILL)


async def limits_count_the_client(site: Site) -> None:
    """Only the client over its limit is refused. An X-Forwarded-For header that the client itself
    sends changes nothing. The limits are 5 requests, and a WebSocket for an address."""
    anna, ben = {"CF-Connecting-IP": ANNA}, {"CF-Connecting-IP": BEN}
    made_up = ({**anna, "X-Forwarded-For": f"9.9.9.{number}"} for number in range(20))
    codes = [(await site.get(f"/user/{ROBIN}", **headers))[0] for headers in made_up]
    assert set(codes) == {200, 429}
    assert (await site.get(f"/user/{ROBIN}", **ben))[0] == 200

    watchers = [await site.watch(**anna) for _ in range(3)]  # one per ws, and one more
    watchers.append(await site.watch(**ben))
    await watchers[-1].until(lambda frame: frame["op"] == "initial_data")

    await eventually(lambda: any(one.close_code for one in watchers))
    assert [one.close_code for one in watchers if one.close_code] == [4429]
    for watcher in watchers:
        await watcher.close()
