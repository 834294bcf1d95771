"""How the gateway is, for `/health` and `/ready` on METRICS_PORT.

Nobody sends a gateway traffic. Whoever asks whether it is ready wants to end another one, or to go
on with an update: it is, once every shard of it is connected to Discord or stood by for, and Redis
answers. Any other gateway may be ended then, and nothing is missed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from services.gateway.discord.shard import Shard
from services.gateway.sync.writer import Writer
from shared.redis.store import Store
from shared.telemetry.health import HealthReport

ASKING = "Discord has not said yet how to connect"


def health_probe(
    store: Store, writer: Writer, people: Callable[[], int], shards: Sequence[Shard]
) -> Callable[[], HealthReport]:
    """What looks at these. `shards` may be filled later; an empty one is not known yet."""

    def look() -> HealthReport:
        shown = [_shard(shard) for shard in tuple(shards)]
        return HealthReport(
            {
                "redis": store.up,
                "discord": _discord([one["state"] for one in shown]),
                "owed": writer.owed,
                "people": people(),
                "shards": shown,
            },
            _unready(store, shown),
        )

    return look


def _unready(store: Store, shards: Sequence[dict[str, Any]]) -> str:
    connecting = [str(one["id"]) for one in shards if one["state"] == "connecting"]
    if not shards:
        return ASKING
    if connecting:
        return f"not connected to Discord: shard {', '.join(connecting)}"
    return "" if store.up else "Redis does not answer"


def _discord(states: Sequence[str]) -> str:
    """The whole process in one word: the worst of its shards."""
    if not states or "connecting" in states:
        return "connecting"
    return "connected" if "connected" in states else "standing_by"


def _shard(shard: Shard) -> dict[str, Any]:
    """Seconds; null before the first heartbeat's answer, and the first event."""
    latency, last = shard.latency, shard.last_event
    return {
        "id": shard.id,
        "count": shard.count,
        "state": shard.state,
        "latency": None if math.isnan(latency) else round(latency, 3),
        "last_event": round(max(0.0, time.time() - last), 1) if last else None,
    }
