"""What the gateway counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from shared.telemetry.metrics import Distribution, Reading

EVENTS = Counter("grux_gateway_events_total", "Dispatches received.", ["type"])
REFUSED = Counter("grux_gateway_refused_total", "Input that could not be used.", ["reason"])
SAVES_WRITTEN = Counter("grux_gateway_saves_written_total", "Snapshots written.")
SAVES_UNCHANGED = Counter("grux_gateway_saves_unchanged_total", "Snapshots that were the same.")
SAVES_FAILED = Counter("grux_gateway_saves_failed_total", "Batches that Redis did not take.")
CONNECTS = Counter(
    "grux_gateway_connects_total", "Connections to Discord, by how they began.", ["how"]
)
DISCONNECTS = Counter(
    "grux_gateway_disconnects_total", "Connections to Discord that ended, or failed.", ["cause"]
)
PEOPLE = Gauge("grux_gateway_people", "Monitored users of this process.")
OWED = Gauge("grux_gateway_owed", "Users whose newest state is not in Redis yet.")
REDIS_MEMORY = Gauge("grux_redis_memory_bytes", "What Redis holds.")
REDIS_LIMIT = Gauge("grux_redis_memory_limit_bytes", "What Redis may hold; 0: no limit.")

for _reason in (
    *("json", "payload", "guild id", "guild", "member", "user id", "unknown user"),
    *("normalise", "exception"),
):
    REFUSED.labels(_reason)


def write_lag(lag: Distribution) -> Reading:
    """As the writer measures it."""
    return Reading(
        "grux_gateway_write_lag_seconds", "From Discord's word to Redis' answer.", lambda: lag
    )


def total(counter: Counter) -> int:
    """Of all its labels."""
    samples = next(iter(counter.collect())).samples
    return round(sum(one.value for one in samples if one.name.endswith("_total")))
