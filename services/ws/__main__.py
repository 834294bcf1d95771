"""`python -m services.ws`: wires the process together, and ends it on a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from services.ws.connection import ServerContext
from services.ws.counters import Counters
from services.ws.handshake import HandshakeHealth
from services.ws.hub import Hub
from services.ws.keepalive import Keepalive
from services.ws.limits import WsLimits, from_settings
from services.ws.metrics import looker, readings
from services.ws.pending_handshakes import PendingHandshakes
from services.ws.profile_refresher import FactSource
from services.ws.server import CannotListen, WebSocketServer
from shared.config import ConfigError, WsSettings, environment, from_env, in_words
from shared.net.connection_counter import ConnectionCounter
from shared.net.fixed_window import FixedWindowCounter
from shared.profiles.service import ProfileService
from shared.redis import completeness
from shared.redis.factory import follow
from shared.redis.store import Store
from shared.startup import file_limit, redis_preflight
from shared.telemetry import health, logs, metrics, metrics_server

log = logging.getLogger(__name__)

CANNOT_LISTEN: Final = 1
BAD_SETTING: Final = 2
FOUND_WITHIN: Final = 1.0  # seconds in which Redis should be found


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. Gives the exit code."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))  # until there are clients to part from
    process = health.Health("ws")
    try:
        settings = from_env(WsSettings, environment())
        redis_preflight.check(settings.redis_url, redis_preflight.FOLLOWER)
        metrics_server.serve(settings, process)
    except ConfigError as error:
        print(f"ws: {error}", file=sys.stderr)
        return BAD_SETTING
    logs.set_up(settings, "ws")
    limits = from_settings(settings, file_limit.raise_nofile_limit())
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(settings, limits, process))
    except CannotListen as error:
        print(f"ws: {error}", file=sys.stderr)
        return CANNOT_LISTEN
    return 0


async def _run(settings: WsSettings, limits: WsLimits, process: health.Health) -> None:
    """Serve until a signal comes. Raises CannotListen."""
    async with (
        Store.connect(settings.redis_url) as store,
        ProfileService.connect(settings, store) as profiles,
        serving(settings, store, profiles, limits) as server,
    ):
        metrics.export(readings(server.house))
        process.begin(looker(server.house))
        await _signal()
        process.leave()
    counters = server.house.counters
    log.info(
        "ws: stopped after %.0f s: %d clients, %d frames, %d users loaded again",
        process.uptime,
        counters.handshakes,
        counters.frames,
        counters.resyncs,
    )


@asynccontextmanager
async def serving(
    settings: WsSettings, store: Store, facts: FactSource, limits: WsLimits
) -> AsyncIterator[WebSocketServer]:
    """Listen and follow Redis while the block runs; then part from every client in good order.

    Raises CannotListen.
    """
    counters = Counters()
    hub = Hub(
        lambda listener: follow(settings.redis_url, listener),
        store,
        facts,
        partial(completeness.gone, store),
        profile_ttl=settings.profile_ttl,
        limits=limits,
        counters=counters,
    )
    house = ServerContext(
        hub=hub,
        keepalive=Keepalive(limits.ping_every),
        lobby=PendingHandshakes(limits.handshakes),
        addresses=ConnectionCounter(limits.connections_per_address),
        messages=FixedWindowCounter(limits.frames_within),
        limits=limits,
        counters=counters,
        health=lambda: HandshakeHealth(
            hub.standing, counters.connections, hub.users, server.draining
        ),
    )
    server = WebSocketServer(house)
    await server.listen(settings.ws_host, settings.ws_port)
    log.info("ws: at most %d connections; %s", limits.connections, in_words(settings))
    async with asyncio.TaskGroup() as tasks:
        work = [
            tasks.create_task(hub.run()),
            tasks.create_task(house.keepalive.run()),
            tasks.create_task(_say_if_away(hub)),
        ]
        try:
            yield server
        finally:
            await server.close()
            for task in work:
                task.cancel()


async def _say_if_away(hub: Hub) -> None:
    await asyncio.sleep(FOUND_WITHIN)
    if not hub.standing:
        log.warning(
            "ws: Redis cannot be reached, so clients hear 'unavailable': start it, or check "
            "REDIS_URL"
        )


async def _signal() -> None:
    """Returns on the first SIGTERM or Ctrl-C; the second ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def received() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, received)
    await stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 (not made for every platform)
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
