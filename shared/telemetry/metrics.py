"""Prometheus metrics out of plain numbers that the process keeps anyway.

Read when somebody scrapes, in a thread of their own: on the hot path there is nothing but an
addition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

REDIS_LOST = Counter(
    "grux_redis_lost_total", "Times that Redis was lost, by the line to it.", ["line"]
)
"""`calls`: reads and writes; `feed`: updates to ws; `tracking`: what keeps api's memory true."""

AGES: Final = (
    *(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
"""Bounds for how old a change is, in seconds: a millisecond where all is well, a minute after an
outage."""


class Distribution:
    """How often a number of seconds was how large. Adding costs a quarter of a microsecond."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: the greatest value of each bucket, ascending; one without end comes last."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: bound, and how many were not greater."""
        total, found = 0, []
        for bound, count in zip((*self._bounds, float("inf")), list(self._counts), strict=True):
            total += count
            found.append(("+Inf" if bound == float("inf") else repr(bound), float(total)))
        return found

    @property
    def sum(self) -> float:
        """Of all seconds."""
        return self._sum


class Reading(Struct, frozen=True):
    """A number that `read` gives, or one for each value of `label`. Counters only grow."""

    name: str
    about: str
    read: Callable[[], float | Mapping[str, float] | Distribution]
    counter: bool = False
    label: str = ""


class Readings(Collector):
    """Shows readings to whoever scrapes."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        for one in self._readings:
            yield _family(one)


def export(readings: Sequence[Reading]) -> None:
    """Show these beside the others, from now until the process ends."""
    REGISTRY.register(Readings(readings))


def _family(one: Reading) -> Metric:
    value = one.read()
    if isinstance(value, Distribution):
        return HistogramMetricFamily(one.name, one.about, value.buckets, value.sum)
    kind = CounterMetricFamily if one.counter else GaugeMetricFamily
    if not isinstance(value, Mapping):
        return kind(one.name, one.about, value=value)
    family = kind(one.name, one.about, labels=[one.label])
    for name, number in value.items():
        family.add_metric([name], number)
    return family
