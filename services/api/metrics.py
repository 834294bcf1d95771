"""What the api tells of itself on METRICS_PORT."""

from __future__ import annotations

from collections.abc import Callable

from services.api.card.draughtsmen import Draughtsmen
from services.api.middleware.response_cache import ResponseCache
from shared.http.connection_limits import HttpConnectionLimiter
from shared.http.responses import SENT
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from shared.telemetry.health import HealthReport
from shared.telemetry.metrics import Reading


def looker(
    store: Store, cache: ResponseCache, pulse: LivenessMonitor
) -> Callable[[], HealthReport]:
    """What looks at these. The pulse asks Redis once a second, so `redis` is never older."""

    def look() -> HealthReport:
        facts = {
            "redis": store.up,
            "gateway_silent_for": pulse.stale_now or None,
            "trusted": cache.trusted,
            "answers": len(cache),
        }
        return HealthReport(facts, "" if store.up else "Redis does not answer")

    return look


def drawings(draughtsmen: Draughtsmen) -> list[Reading]:
    return [
        Reading(
            "grux_api_drawn",
            "Cards and badges drawn, and pictures for them scaled.",
            lambda: draughtsmen.done,
            counter=True,
        ),
        Reading(
            "grux_api_drawings_refused",
            "Those that were not drawn, because too many waited.",
            lambda: draughtsmen.refused,
            counter=True,
        ),
    ]


def readings(
    cache: ResponseCache, pulse: LivenessMonitor, limiter: HttpConnectionLimiter
) -> list[Reading]:
    return [
        Reading(
            "grux_api_responses",
            "Answers given, by status.",
            lambda: {str(status): count for status, count in SENT.copy().items()},
            counter=True,
            label="status",
        ),
        Reading("grux_api_answers", "Answers in memory.", lambda: len(cache)),
        Reading("grux_api_answer_bytes", "Their size, about.", lambda: cache.size),
        Reading("grux_api_trusted", "1 while memory is known to be true.", lambda: cache.trusted),
        Reading("grux_api_hits", "Answers from memory.", lambda: cache.hits, counter=True),
        Reading("grux_api_connections", "Open connections.", lambda: limiter.connections),
        Reading(
            "grux_api_connections_refused",
            "Connections that got no place.",
            lambda: limiter.refused,
            counter=True,
        ),
        Reading(
            "grux_api_connections_cut_off",
            "Connections that took too long, or made room for others.",
            lambda: limiter.closed,
            counter=True,
        ),
        Reading(
            "grux_api_misses",
            "Answers for which Redis was asked.",
            lambda: cache.misses,
            counter=True,
        ),
        Reading(
            "grux_gateway_silent_seconds",
            "Since the gateway was last connected to Discord, once that is too long; else 0.",
            lambda: pulse.stale_now,
        ),
    ]
