"""What the WebSocket service tells of itself."""

from __future__ import annotations

from services.ws.connection import House
from shared.metrics import Reading


def readings(house: House) -> list[Reading]:
    counters, hub = house.counters, house.hub
    return [
        Reading("grux_ws_connections", "Open connections.", lambda: counters.connections),
        Reading("grux_ws_users", "Users that are followed.", lambda: hub.users),
        Reading("grux_ws_following", "1 while updates arrive from Redis.", lambda: hub.standing),
        Reading("grux_ws_handshakes", "Handshakes.", lambda: counters.handshakes, counter=True),
        Reading("grux_ws_frames", "Frames written.", lambda: counters.frames, counter=True),
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
            "grux_ws_resyncs",
            "Users loaded again after a cut line to Redis.",
            lambda: counters.resyncs,
            counter=True,
        ),
    ]
