"""The metrics and health of the WebSocket service. docs/operations.md explains each."""

from __future__ import annotations

from prometheus_client import REGISTRY, Gauge

from services.ws.context import ServerContext
from shared.telemetry.health import HealthProbe, HealthReport
from shared.telemetry.metrics import CallbackCounter


def health_probe(context: ServerContext) -> HealthProbe:
    """`redis`: whether updates arrive."""

    def probe() -> HealthReport:
        following = context.hub.connected
        facts = {
            "redis": following,
            "connections": context.counters.connections,
            "users": context.hub.users,
            "watchers": context.counters.watchers,
        }
        return HealthReport(facts, "" if following else "updates do not arrive from Redis")

    return probe


def export(context: ServerContext) -> None:
    """Register the metrics of this server."""
    counters, hub = context.counters, context.hub
    for metric in counters.metrics():
        REGISTRY.register(metric)
    CallbackCounter(
        "grux_ws_frames",
        "Frames written, to WebSockets and to event streams.",
        lambda: {
            "websocket": counters.frames - counters.event_frames,
            "events": counters.event_frames,
        },
        "transport",
    )
    CallbackCounter(
        "grux_ws_unreadable",
        "Messages and snapshots in Redis that could not be read.",
        lambda: hub.unreadable,
    )
    for name, documentation, read in (
        ("grux_ws_connections", "Open connections.", lambda: counters.connections),
        ("grux_ws_users", "Users that are followed in Redis.", lambda: hub.users),
        (
            "grux_ws_watchers",
            "Subscriptions: a client that watches two users has two.",
            lambda: counters.watchers,
        ),
        (
            "grux_ws_lanyard_clients",
            "Open connections that speak Lanyard's dialect.",
            lambda: counters.lanyard_clients,
        ),
        (
            "grux_ws_lanyard_watchers",
            "Their subscriptions; one to everyone is not counted.",
            lambda: counters.lanyard_watchers,
        ),
        (
            "grux_ws_event_clients",
            "Open event streams.",
            lambda: counters.event_clients,
        ),
        (
            "grux_ws_backpressured_clients",
            "Clients whose socket takes no more now.",
            lambda: counters.backpressured,
        ),
        ("grux_ws_following", "1 while updates arrive from Redis.", lambda: hub.connected),
    ):
        Gauge(name, documentation).set_function(read)
