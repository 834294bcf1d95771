"""`python -m services.ws`: settings, Redis, profile source, WebSocket server."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import shared.startup.import_phase  # noqa: F401 (it works while the others are imported)
from services.ws import metrics
from services.ws.budgets import AddressBudgets
from services.ws.context import ServerContext
from services.ws.counters import Counters
from services.ws.hub import Hub
from services.ws.keepalive import Keepalive
from services.ws.limits import REFUSED_CONNECTIONS, WsLimits, from_settings
from services.ws.profile_refresher import ExtrasSource
from services.ws.read_turns import ReadTurns
from services.ws.server import WebSocketServer
from services.ws.slow_refusals import SlowRefusals
from shared.config import WsSettings, non_defaults
from shared.net.client_address import ClientResolver
from shared.net.connection_limiter import ConnectionLimiter
from shared.net.fixed_window import FixedWindowCounter
from shared.profiles.service import ProfileService
from shared.redis import completeness, durable, user_lookup
from shared.redis.durable import DurableKv
from shared.redis.factory import follow
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.kv_copies import KvReader, SnapshotsWithKv
from shared.redis.store import Store
from shared.startup import bootstrap, file_limit, redis_preflight
from shared.startup.background import background
from shared.startup.bootstrap import ServiceProcess
from shared.telemetry.metrics import total
from shared.version import VERSION

log = logging.getLogger(__name__)

REDIS_GRACE_S: Final = 1.0  # for the first connection to Redis, before a warning


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. Returns the exit code."""
    return bootstrap.run(
        "ws",
        WsSettings,
        serve,
        redis_commands=redis_preflight.FOLLOWER,
        durable_commands=redis_preflight.DURABLE,
    )


async def serve(process: ServiceProcess[WsSettings]) -> str:
    """Serve until a signal comes. Returns the totals. Raises CannotListen."""
    settings = process.settings
    limits = from_settings(settings, file_limit.raise_nofile_limit())
    async with (
        Store.connect(settings.redis_url) as store,
        ProfileService.connect(settings, store) as profiles,
        serving(settings, store, profiles, limits) as server,
    ):
        metrics.export(server.context)
        process.health.begin(metrics.health_probe(server.context))
        await process.stopped()
    counters = server.context.counters
    return (
        f"{total(counters.handshakes)} clients, {counters.frames} frames, "
        f"{total(counters.resyncs)} users loaded again"
    )


@asynccontextmanager
async def serving(
    settings: WsSettings, store: Store, profiles: ExtrasSource, limits: WsLimits
) -> AsyncIterator[WebSocketServer]:
    """Listen and follow Redis while the block runs, then close every client.

    Raises CannotListen.
    """
    async with durable.connect(settings.durable_redis_url, store) as durable_store:
        stores = KvReader(DurableKv(durable_store))
        async with _listening(settings, store, stores, profiles, limits) as server:
            yield server


@asynccontextmanager
async def _listening(
    settings: WsSettings,
    store: Store,
    stores: KvReader,
    profiles: ExtrasSource,
    limits: WsLimits,
) -> AsyncIterator[WebSocketServer]:
    counters = Counters()
    hub = Hub(
        lambda listener: follow(settings.redis_url, listener),
        SnapshotsWithKv(store, stores),
        profiles,
        partial(user_lookup.monitored, store),
        partial(completeness.absent, store),
        list_users=store.users if settings.lanyard_subscribe_all else None,
        profile_ttl=settings.profile_ttl,
        limits=limits,
        counters=counters,
    )
    context = ServerContext(
        hub=hub,
        keepalive=Keepalive(limits.ping_every),
        limiter=ConnectionLimiter(
            max_connections=limits.connections + REFUSED_CONNECTIONS,
            max_connections_per_address=limits.connections_per_address,
            max_pending=limits.handshakes,
        ),
        resolver=ClientResolver(limits.trusted),
        budgets=AddressBudgets(limits),
        messages=FixedWindowCounter(limits.frames_within),
        limits=limits,
        counters=counters,
        read_turns=ReadTurns(limits.reads_at_once),
        slow_refusals=SlowRefusals(limits),
        discord_invite=settings.discord_invite or None,
    )
    server = WebSocketServer(context)
    await server.listen(settings.ws_host, settings.ws_port)
    log.info(
        "ws: version %s; at most %d connections; %s",
        VERSION,
        limits.connections,
        non_defaults(settings),
    )
    liveness = LivenessMonitor(
        store,
        max_silence_s=settings.presence_max_silence,
        on_expired=hub.on_expired,
        on_returned=hub.on_returned,
    )
    async with background(
        hub.run(),
        liveness.run(),
        context.keepalive.run(),
        context.limiter.run(),
        stores.run(),
        _warn_without_redis(hub),
    ):
        try:
            yield server
        finally:
            await server.close()


async def _warn_without_redis(hub: Hub) -> None:
    await asyncio.sleep(REDIS_GRACE_S)
    if not hub.connected:
        log.warning(
            "ws: Redis cannot be reached, so clients get 'unavailable': start it, or check "
            "REDIS_URL"
        )


if __name__ == "__main__":
    sys.exit(main())
