"""The metrics and health of cards. docs/operations.md explains each."""

from __future__ import annotations

from prometheus_client import Gauge

from services.cards.render_pool import RenderPool
from shared.http.connection_limits import HttpConnectionLimiter
from shared.http.responses import SENT
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from shared.telemetry.health import HealthProbe, HealthReport
from shared.telemetry.metrics import CallbackCounter


def health_probe(store: Store, liveness: LivenessMonitor, pool: RenderPool) -> HealthProbe:
    """`liveness` polls Redis once a second, so `redis` is never older than that."""

    def probe() -> HealthReport:
        facts = {
            "redis": store.up,
            "gateway_silent_for": liveness.stale_now or None,
            "renders_queued": pool.queued,
        }
        return HealthReport(facts, "" if store.up else "Redis does not answer")

    return probe


def export(liveness: LivenessMonitor, pool: RenderPool, limiter: HttpConnectionLimiter) -> None:
    """Register the metrics of these objects."""
    CallbackCounter(
        "grux_cards_responses",
        "Responses sent, by status.",
        lambda: {str(status): count for status, count in SENT.copy().items()},
        "status",
    )
    CallbackCounter(
        "grux_cards_renders",
        "Cards and badges rendered, and images for them scaled.",
        lambda: pool.completed,
    )
    CallbackCounter(
        "grux_cards_renders_rejected",
        "Those that were not rendered, because the queue was full.",
        lambda: pool.rejected,
    )
    CallbackCounter(
        "grux_cards_connections_refused", "Connections over a limit.", lambda: limiter.refused
    )
    CallbackCounter(
        "grux_cards_connections_cut_off",
        "Connections that took too long, or made room for others.",
        lambda: limiter.closed,
    )
    for name, documentation, read in (
        ("grux_cards_renders_queued", "Jobs that wait for a process.", lambda: pool.queued),
        ("grux_cards_connections", "Open connections.", lambda: limiter.connections),
        (
            "grux_gateway_silent_seconds",
            "Since the gateway was last connected to Discord, once that is too long; else 0.",
            lambda: liveness.stale_now,
        ),
    ):
        Gauge(name, documentation).set_function(read)
