"""What the WebSocket service tells of itself on METRICS_PORT."""

from __future__ import annotations

from collections.abc import Callable

from services.ws.connection import ServerContext
from shared.telemetry.health import HealthReport
from shared.telemetry.metrics import Reading


def looker(house: ServerContext) -> Callable[[], HealthReport]:
    """What looks at it. `redis`: whether updates arrive."""

    def look() -> HealthReport:
        following = house.hub.standing
        facts = {
            "redis": following,
            "connections": house.counters.connections,
            "users": house.hub.users,
            "watchers": house.counters.watchers,
        }
        return HealthReport(facts, "" if following else "updates do not arrive from Redis")

    return look


def readings(house: ServerContext) -> list[Reading]:
    counters, hub = house.counters, house.hub
    return [
        Reading("grux_ws_connections", "Open connections.", lambda: counters.connections),
        Reading("grux_ws_users", "Users that are followed.", lambda: hub.users),
        Reading(
            "grux_ws_watchers",
            "Eyes of clients on users: a client that watches two users has two.",
            lambda: counters.watchers,
        ),
        Reading("grux_ws_slow", "Clients that take no more now.", lambda: counters.slow),
        Reading("grux_ws_following", "1 while updates arrive from Redis.", lambda: hub.standing),
        Reading("grux_ws_handshakes", "Handshakes.", lambda: counters.handshakes, counter=True),
        Reading("grux_ws_frames", "Frames written.", lambda: counters.frames, counter=True),
        Reading(
            "grux_ws_frame_age_seconds",
            "From Discord's word to the last watcher's socket.",
            lambda: counters.ages,
        ),
        Reading(
            "grux_ws_skipped",
            "Times that a slow client was passed over.",
            lambda: counters.skipped,
            counter=True,
        ),
        Reading(
            "grux_ws_dropped",
            "Clients that read nothing or answered no ping.",
            lambda: counters.dropped,
            counter=True,
        ),
        Reading("grux_ws_refused", "Error frames.", lambda: counters.refused, counter=True),
        Reading(
            "grux_ws_unreadable",
            "Messages and snapshots in Redis that could not be read.",
            lambda: hub.unreadable,
            counter=True,
        ),
        Reading(
            "grux_ws_resyncs",
            "Users loaded again after a cut line to Redis.",
            lambda: counters.resyncs,
            counter=True,
        ),
    ]
