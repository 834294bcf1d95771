"""The metrics and health of api. docs/operations.md explains each."""

from __future__ import annotations

from prometheus_client import Gauge

from services.api.middleware.response_cache import ResponseCache
from shared.http.connection_limits import HttpConnectionLimiter
from shared.http.responses import SENT
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from shared.telemetry.health import HealthProbe, HealthReport
from shared.telemetry.metrics import CallbackCounter


def health_probe(store: Store, cache: ResponseCache, liveness: LivenessMonitor) -> HealthProbe:
    """`liveness` polls Redis once a second, so `redis` is never older than that."""

    def probe() -> HealthReport:
        facts = {
            "redis": store.up,
            "gateway_silent_for": liveness.stale_now or None,
            "cache_valid": cache.trusted,
            "cached_responses": len(cache),
        }
        return HealthReport(facts, "" if store.up else "Redis does not answer")

    return probe


def export(cache: ResponseCache, liveness: LivenessMonitor, limiter: HttpConnectionLimiter) -> None:
    """Register the metrics of these objects."""
    CallbackCounter(
        "grux_api_responses",
        "Responses sent, by status.",
        # 500 is there from the start: of a series that begins with 1, Prometheus sees no increase.
        lambda: {"500": 0} | {str(status): count for status, count in SENT.copy().items()},
        "status",
    )
    CallbackCounter("grux_api_hits", "Responses from the cache.", lambda: cache.hits)
    CallbackCounter("grux_api_misses", "Responses that were read from Redis.", lambda: cache.misses)
    CallbackCounter(
        "grux_api_connections_refused",
        "Connections over a limit.",
        lambda: limiter.refused,
    )
    CallbackCounter(
        "grux_api_connections_cut_off",
        "Connections that took too long, or made room for others.",
        lambda: limiter.closed,
    )
    for name, documentation, read in (
        ("grux_api_answers", "Responses in the cache.", lambda: len(cache)),
        ("grux_api_answer_bytes", "Their size, about.", lambda: cache.size),
        (
            "grux_api_cache_valid",
            "1 while Redis reports changes.",
            lambda: cache.trusted,
        ),
        ("grux_api_connections", "Open connections.", lambda: limiter.connections),
        (
            "grux_gateway_silent_seconds",
            "Since the gateway was last connected to Discord, once that is too long; else 0.",
            lambda: liveness.stale_now,
        ),
    ):
        Gauge(name, documentation).set_function(read)
