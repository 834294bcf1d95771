"""What every service's metrics have in common. All are of prometheus_client's own types.

Each service has its own in its `metrics` module. They are scraped by a thread of its own
(shared/telemetry/metrics_server.py), also while the event loop is blocked: what a callback reads
are plain values, and none waits for the loop.

`Counter.inc` costs 0.31 µs, `Histogram.observe` 0.7 to 0.9 µs (timeit, Python 3.11). That is too
much only where one comes on a request of 29 µs or less: see `CallbackCounter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import REGISTRY, Counter, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

# Else each counter and histogram has a second series, with the time of its creation.
disable_created_metrics()  # type: ignore[no-untyped-call]

REDIS_LOST: Final = Counter(
    "grux_redis_lost_total", "Times that Redis was lost, by connection.", ["connection"]
)
"""`commands`: reads and writes; `subscriber`: updates to ws; `invalidation`: of the api's cache."""

CHANGE_AGE_BUCKETS_S: Final = (
    *(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
"""Bounds for how old a change is: a millisecond when all is well, a minute after an outage."""


class CallbackCounter(Collector):
    """A counter that is read when it is scraped, as `Gauge.set_function` does for gauges.

    For totals that are plain numbers for a reason: those that count on each request of the api's
    hot path (0.02 µs for an int, 0.11 µs for a `collections.Counter`, 0.31 µs for `Counter.inc`:
    together 2 % of a response from the cache), and those of objects that several services share,
    each under its own name.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        read: Callable[[], float | Mapping[str, float]],
        labelname: str = "",
    ) -> None:
        """Register it. With `labelname`, `read` gives a number for each value of the label."""
        self._name = name
        self._documentation = documentation
        self._read = read
        self._labelname = labelname
        REGISTRY.register(self)

    def describe(self) -> Iterator[CounterMetricFamily]:
        """The name, so that the registry refuses a second one."""
        yield self._family()

    def collect(self) -> Iterator[CounterMetricFamily]:
        family, value = self._family(), self._read()
        samples = value if isinstance(value, Mapping) else {"": value}
        for label, number in samples.items():
            family.add_metric([label] if self._labelname else [], number)
        yield family

    def _family(self) -> CounterMetricFamily:
        labels = [self._labelname] if self._labelname else []
        return CounterMetricFamily(self._name, self._documentation, labels=labels)


def total(counter: Counter) -> int:
    """The sum over all label values."""
    return round(
        sum(
            sample.value
            for family in counter.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        )
    )
