"""`python -m chaos.takeover`: kill the gateway again and again, and measure how long it is missed.

From SIGKILL until a WebSocket client has the first change that was made afterwards: the lease
expires, the standby takes over, resumes the session, and Discord replays the changes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from chaos.service import Service
from simulator import BOT_ID
from simulator.options import Options
from simulator.server import Simulator
from testing.free_port import free_port
from testing.redis_server import RedisServer

CHANGE_INTERVAL_S: Final = 0.02
SETTLE_S: Final = 2.0  # at least, between a takeover and the next kill: a checkpoint is saved
PROMISED_S: Final = 5.0
WAIT_S: Final = 60.0

_CHANGE: Final = re.compile(r"#(\d+)")  # the text of a custom status


class Takeovers:
    """Two gateways, one `ws`, a client, and a person who changes all the time."""

    def __init__(self, members: int) -> None:
        self.simulator = Simulator(
            Options(port=0, members=members, guilds=3, rate=0, demo_seconds=1e6, identify_seconds=0)
        )
        self.redis = RedisServer()
        self.seen = -1  # the newest change that the client has
        self.changes = itertools.count()
        self.made = -1
        self._user = next(one for one in self.simulator.world.people if one != BOT_ID)
        self._port = free_port()
        self._parts = AsyncExitStack()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the block ends. Yields when the client has a change that a gateway has written."""
        async with self._parts as parts, asyncio.TaskGroup() as tasks:
            await parts.enter_async_context(self.redis)
            await parts.enter_async_context(self.simulator)
            self.gateways = [await self._started("gateway", "first")]
            await self._started("ws", "ws")
            work = [tasks.create_task(self._change()), tasks.create_task(self._watch())]
            await self.sees(0)
            await self._add_standby()
            yield
            for task in work:
                task.cancel()

    async def measure(self) -> float:
        """Kill the gateway that runs the shard; seconds until the client is up to date again."""
        loop = asyncio.get_running_loop()
        killed = self.gateways.pop(0)
        began = loop.time()
        await killed.kill()
        await self.sees(self.made + 1)
        took = loop.time() - began
        await self._add_standby()
        return took

    async def sees(self, change: int) -> None:
        """Wait until the client has this change or a later one. Raises TimeoutError."""
        async with asyncio.timeout(WAIT_S):
            while self.seen < change:  # noqa: ASYNC110 (the precision that is needed)
                await asyncio.sleep(0.002)

    async def _add_standby(self) -> None:
        standby = await self._started("gateway", "standby")
        async with asyncio.timeout(WAIT_S):
            while not any("standing by" in line for _, line in standby.lines):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        self.gateways.append(standby)

    async def _started(self, module: str, name: str) -> Service:
        env = {
            "REDIS_URL": self.redis.url,
            "DISCORD_TOKEN": self.simulator.token,
            "DISCORD_API_URL": self.simulator.api_url,
            "DISCORD_CDN_URL": self.simulator.cdn_url,
            "PROFILE_SOURCE": "off",
            "METRICS_PORT": "",
            "WS_PORT": str(self._port),
        }
        service = Service(name, module, env)
        await service.start()
        self._parts.push_async_callback(service.kill)
        return service

    async def _change(self) -> None:
        while True:
            number = next(self.changes)
            status = {"id": "c", "name": "Custom Status", "type": 4, "state": f"#{number}"}
            self.simulator.world.set_presence(
                self._user, "online", [{**status, "created_at": 1}], {"web": "online"}
            )
            self.made = number
            await asyncio.sleep(CHANGE_INTERVAL_S)

    async def _watch(self) -> None:
        url = f"ws://127.0.0.1:{self._port}/?user_id={self._user}"
        while True:
            try:
                async with connect(url, compression=None) as client:
                    async for message in client:
                        self._note(str(message))
            except (OSError, InvalidHandshake, ConnectionClosed):  # not written yet
                pass
            await asyncio.sleep(0.05)

    def _note(self, message: str) -> None:
        for number in _CHANGE.findall(message):
            self.seen = max(self.seen, int(number))


async def _measure(kills: int, members: int) -> bool:
    rng = random.Random(1)
    takeovers = Takeovers(members)
    took = []
    async with takeovers.running():
        for number in range(kills):
            await asyncio.sleep(SETTLE_S + rng.random())
            took.append(await takeovers.measure())
            print(f"kill {number + 1}: {took[-1]:.2f} s", file=sys.stderr)
    took.sort()
    p50, p99 = took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.99))]
    stats = takeovers.simulator.stats
    print(
        f"{kills} kills, from SIGKILL to the client: p50 {p50:.2f} s, p99 {p99:.2f} s, at most "
        f"{took[-1]:.2f} s; identifies {stats.identifies}, resumes {stats.resumes}"
    )
    return p99 <= PROMISED_S and stats.identifies <= 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos.takeover", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--members", type=int, default=500)
    asked = parser.parse_args(arguments)
    return 0 if asyncio.run(_measure(asked.kills, asked.members)) else 1


if __name__ == "__main__":
    sys.exit(main())
