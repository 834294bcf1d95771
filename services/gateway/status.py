"""The state of the gateway: for `/health` and `/ready` on METRICS_PORT, for readers, for metrics.

A gateway receives no traffic. It is ready when every shard of it is connected to Discord or stood
by for, and Redis answers: then any other gateway may be stopped without missing events.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from services.gateway import metrics
from services.gateway.discord.shard import Shard
from services.gateway.privacy.settings_table import SettingsTable
from services.gateway.state.user_cache import UserCache
from services.gateway.sync.writer import Writer
from shared.redis import gateway_liveness
from shared.redis.store import Store, StoreUnavailable
from shared.telemetry.health import HealthReport

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_S: Final = 5.0
MEMORY_INTERVAL_S: Final = 10.0

UNKNOWN_SHARDS: Final = "Discord has not said yet how to connect"
UNKNOWN_SETTINGS: Final = "waiting for the durable Redis to say what users hide"


def health_probe(
    store: Store,
    writer: Writer,
    users: UserCache,
    people: SettingsTable,
    shards: Sequence[Shard],
) -> Callable[[], HealthReport]:
    """What `Health.begin` takes. `shards` may be filled later; empty: not known yet."""

    def probe() -> HealthReport:
        states = [_shard_state(shard) for shard in tuple(shards)]
        return HealthReport(
            {
                "redis": store.up,
                "discord": _discord([state["state"] for state in states]),
                "pending_writes": writer.pending,
                "users": people.count_shown(users),
                "shards": states,
            },
            _unready(store, people, states),
        )

    return probe


def _unready(store: Store, people: SettingsTable, shards: Sequence[dict[str, Any]]) -> str:
    connecting = [str(shard["id"]) for shard in shards if shard["state"] == "connecting"]
    if not shards:
        return UNKNOWN_SHARDS
    if not people.is_loaded:
        return UNKNOWN_SETTINGS
    if connecting:
        return f"not connected to Discord: shard {', '.join(connecting)}"
    return "" if store.up else "Redis does not answer"


def _discord(states: Sequence[str]) -> str:
    """One word for the process: the worst state of its shards."""
    if not states or "connecting" in states:
        return "connecting"
    return "connected" if "connected" in states else "standing_by"


def _shard_state(shard: Shard) -> dict[str, Any]:
    """Times in seconds; null before the first heartbeat's answer, and before the first event."""
    latency, last = shard.latency, shard.last_event
    return {
        "id": shard.id,
        "count": shard.count,
        "state": shard.state,
        "latency": None if math.isnan(latency) else round(latency, 3),
        "last_event": round(max(0.0, time.time() - last), 1) if last else None,
    }


async def send_heartbeats(store: Store, shards: Sequence[Shard]) -> None:
    """Until cancelled, tell readers which of this process's shards are connected to Discord."""
    while True:
        running = [shard for shard in shards if shard.is_running]
        connected = [shard.id for shard in running if shard.is_connected]
        try:
            if running:
                await gateway_liveness.heartbeat(store, running[0].count, connected)
        except StoreUnavailable as error:
            log.debug("no heartbeat sent: %s", error)
        await asyncio.sleep(HEARTBEAT_INTERVAL_S)


async def watch_redis_memory(store: Store) -> None:
    """Until cancelled, export how much memory Redis uses: Redis itself has no /metrics.

    While Redis is away, the last values stand.
    """
    while True:
        try:
            servers = await store.info("memory")
            metrics.REDIS_MEMORY.set(sum(server.get("used_memory", 0) for server in servers))
            metrics.REDIS_LIMIT.set(sum(server.get("maxmemory", 0) for server in servers))
        except StoreUnavailable as error:
            log.debug("Redis' memory is not known: %s", error)
        await asyncio.sleep(MEMORY_INTERVAL_S)
