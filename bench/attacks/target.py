"""What is attacked: api, ws and cards over one Redis, behind a proxy that appends addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Final

from msgspec import Struct

from bench import people
from bench.child import BenchProcess
from bench.harness import Harness, Redis
from testing.free_port import free_port

PROXY: Final = {"TRUSTED_PROXIES": "127.0.0.0/8"}  # believed, so each attacker has an address
NOWHERE: Final = "http://127.0.0.1:1"  # a CDN: no other host is contacted
USERS: Final = 2_000


class Service(Struct, frozen=True):
    """A process that is attacked."""

    process: BenchProcess
    port: int
    metrics_port: int


@asynccontextmanager
async def service(harness: Harness, redis: Redis, name: str, **env: str) -> AsyncIterator[Service]:
    """One of them, in a process of its own."""
    port, metrics_port = free_port(), free_port()
    settings = {
        f"{name.upper()}_PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "DISCORD_CDN_URL": NOWHERE,
        **PROXY,
        **env,
    }
    async with harness.service(name, redis, **settings) as process:
        yield Service(process, port, metrics_port)


class Target(Struct, frozen=True):
    """All three, for attacks that do not measure a process as a whole."""

    harness: Harness
    redis: Redis
    api: Service
    ws: Service
    cards: Service


@asynccontextmanager
async def target(harness: Harness) -> AsyncIterator[Target]:
    async with harness.redis() as redis, AsyncExitStack() as running:
        await people.admit(redis.store, USERS)
        ws, cards = [
            await running.enter_async_context(service(harness, redis, name))
            for name in ("ws", "cards")
        ]
        both = {"WS_URL": f"ws://127.0.0.1:{ws.port}"}  # one origin, as `make run` has it
        api = await running.enter_async_context(service(harness, redis, "api", **both))
        yield Target(harness, redis, api, ws, cards)


_numbers = count(1)


def address() -> str:
    """A public address that no other attacker and no visitor has."""
    number = next(_numbers)
    return f"52.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
