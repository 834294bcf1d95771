"""How many slow clients were passed over is read as `ws` writes it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

from chaos.skipped_frames import counted


def test_the_number_is_read() -> None:
    """As prometheus_client writes it."""
    registry = CollectorRegistry()
    Counter("grux_ws_skipped", "About it.", registry=registry).inc(12)
    assert counted(generate_latest(registry).decode()) == 12


def test_no_number_is_none() -> None:
    assert counted("# HELP grux_ws_skipped_total About it.\n") == 0
