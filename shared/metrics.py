"""Prometheus metrics of this process, where METRICS_PORT asks for them."""

from __future__ import annotations

from prometheus_client import start_http_server

from shared.config import ConfigError, Settings


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
