"""Prometheus metrics of this process, where METRICS_PORT asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.config import ConfigError, Settings


class Reading(Struct, frozen=True):
    """A number that the process keeps anyway, and `read` gives. Counters only grow."""

    name: str
    about: str
    read: Callable[[], float]
    counter: bool = False


class Readings(Collector):
    """Read when somebody scrapes: on the hot path there is nothing but the plain number."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        for one in self._readings:
            family = CounterMetricFamily if one.counter else GaugeMetricFamily
            yield family(one.name, one.about, value=one.read())


def export(readings: Sequence[Reading]) -> None:
    """Show these beside the others, from now until the process ends."""
    REGISTRY.register(Readings(readings))


def serve(settings: Settings) -> None:
    """Answer `GET /metrics` on METRICS_PORT, on every interface: a scraper is elsewhere.

    Does nothing when the port is 0. Raises ConfigError when it is taken.
    """
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port)
    except OSError as error:
        raise ConfigError(
            f"METRICS_PORT {settings.metrics_port} cannot be used ({error.strerror}): something "
            "else listens there. Stop it, or set METRICS_PORT to a free port."
        ) from None
