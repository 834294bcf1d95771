"""The metrics and health of webhooks. docs/operations.md explains each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.webhooks.delivery import Delivery
from services.webhooks.dispatcher import Dispatcher
from shared.redis.store import Store
from shared.telemetry.health import HealthProbe, HealthReport

ATTEMPTS: Final = Counter(
    "grux_webhooks_attempts_total",
    "Requests to endpoints, by how they ended.",
    ["endpoint", "result"],
)


def health_probe(store: Store, dispatcher: Dispatcher) -> HealthProbe:
    """`redis`: whether it answers; a process that waits for the lease is ready, too."""

    def probe() -> HealthReport:
        facts = {
            "redis": store.up,
            "delivers": dispatcher.delivers,
            "users": dispatcher.users,
            "pending": sum(one.pending for one in dispatcher.deliveries),
            "failing": [one.endpoint.label for one in dispatcher.deliveries if one.failures],
            "disabled": [one.endpoint.label for one in dispatcher.deliveries if one.disabled],
        }
        return HealthReport(facts, "" if store.up else "Redis does not answer")

    return probe


class EndpointGauges(Collector):
    """One value for each endpoint, while this process delivers."""

    def __init__(
        self,
        name: str,
        documentation: str,
        dispatcher: Dispatcher,
        read: Callable[[Delivery], float],
    ) -> None:
        """Register it."""
        self._name = name
        self._documentation = documentation
        self._dispatcher = dispatcher
        self._read = read
        REGISTRY.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The name, so that the registry refuses a second one."""
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = self._family()
        for delivery in self._dispatcher.deliveries:
            family.add_metric([delivery.endpoint.label], self._read(delivery))
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(self._name, self._documentation, labels=["endpoint"])


def export(dispatcher: Dispatcher) -> None:
    """Register the metrics of this process. ATTEMPTS registers itself."""
    Gauge(
        "grux_webhooks_delivering", "1 while this process delivers; of several, one does."
    ).set_function(lambda: dispatcher.delivers)
    EndpointGauges(
        "grux_webhooks_pending",
        "States that the endpoint has not acknowledged.",
        dispatcher,
        lambda delivery: delivery.pending,
    )
    EndpointGauges(
        "grux_webhooks_failing_seconds",
        "Since the endpoint has accepted nothing; 0 while it does.",
        dispatcher,
        lambda delivery: delivery.failing_for_s,
    )
    EndpointGauges(
        "grux_webhooks_disabled",
        "1 once the endpoint has answered 410 Gone.",
        dispatcher,
        lambda delivery: delivery.disabled,
    )
