"""The gateway's metrics. docs/operations.md explains each."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from shared.telemetry.metrics import CHANGE_AGE_BUCKETS_S

EVENTS = Counter("grux_gateway_events_total", "Dispatches received.", ["type"])
EVENTS_REJECTED = Counter(
    "grux_gateway_events_rejected_total", "Input that could not be used.", ["reason"]
)
SAVES_WRITTEN = Counter("grux_gateway_saves_written_total", "Snapshots written.")
SAVES_UNCHANGED = Counter("grux_gateway_saves_unchanged_total", "Snapshots that were the same.")
SAVES_FAILED = Counter("grux_gateway_saves_failed_total", "Batches that Redis did not take.")
PRESENCES_CHECKED = Counter(
    "grux_gateway_presences_checked_total", "Users whose state was asked for again."
)
PRESENCES_DIFFERED = Counter(
    "grux_gateway_presences_differed_total",
    "Of these, the ones whose state had changed without an event.",
)
CONNECTS = Counter(
    "grux_gateway_connects_total", "Connections to Discord, by how they began.", ["how"]
)
DISCONNECTS = Counter(
    "grux_gateway_disconnects_total", "Connections to Discord that ended, or failed.", ["cause"]
)
WRITE_LAG = Histogram(
    "grux_gateway_write_lag_seconds",
    "From Discord's event to Redis' reply.",
    buckets=CHANGE_AGE_BUCKETS_S,
)
INTERACTIONS = Counter(
    "grux_gateway_interactions_total", "Uses of the commands, by what became of them.", ["outcome"]
)
PEOPLE = Gauge("grux_gateway_people", "Monitored users of this process.")
REVIEW_DUE = Gauge(
    "grux_gateway_intent_review_due",
    "1: from 8,000 monitored users on, while Discord has not reviewed the privileged intents.",
)
PENDING_WRITES = Gauge(
    "grux_gateway_pending_writes", "Users whose newest state is not in Redis yet."
)
REDIS_MEMORY = Gauge("grux_redis_memory_bytes", "Memory that Redis uses.")
REDIS_LIMIT = Gauge("grux_redis_memory_limit_bytes", "Memory that Redis may use; 0: no limit.")

for _reason in (
    *(
        "json",
        "message",
        "rate limit",
        "payload",
        "guild id",
        "guild",
        "member",
        "user id",
        "unknown user",
    ),
    *("icon", "normalize", "exception"),
):
    EVENTS_REJECTED.labels(_reason)
