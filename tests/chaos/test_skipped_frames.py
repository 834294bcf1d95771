"""How many slow clients were passed over is read as `ws` writes it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily

from chaos.skipped_frames import counted


class Skipped:
    """As shared/telemetry/metrics.py does it."""

    def collect(self) -> list[CounterMetricFamily]:
        return [CounterMetricFamily("grux_ws_skipped", "About it.", value=12)]


def test_the_number_is_read() -> None:
    registry = CollectorRegistry()
    registry.register(Skipped())
    assert counted(generate_latest(registry).decode()) == 12


def test_no_number_is_none() -> None:
    assert counted("# HELP grux_ws_skipped_total About it.\n") == 0
