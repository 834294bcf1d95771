"""METRICS_PORT: `/metrics`, `/health` and `/ready`, in a thread.

So they are answered while the event loop stands still, which is when they matter most.
"""

from __future__ import annotations

import logging
import sys
import threading
from http import HTTPStatus
from socketserver import ThreadingTCPServer
from typing import Final

from prometheus_client import MetricsHandler

from shared.config import ConfigError, Settings
from shared.health import Health

log = logging.getLogger(__name__)

PATIENCE: Final = 10  # seconds that one request may take

_ELSEWHERE: Final = b'{"error":"There are /metrics, /health and /ready."}'


class Server(ThreadingTCPServer):
    """Listens on every interface: a scraper is elsewhere."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, health: Health) -> None:
        """Port 0 takes a free one. Raises OSError when the port cannot be had."""
        super().__init__(("0.0.0.0", port), _Handler)  # noqa: S104 (as said)
        self.health = health

    def start(self) -> None:
        """Answer from now until the process ends."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A scraper that hangs up is worth no line."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request on METRICS_PORT failed")


class _Handler(MetricsHandler):
    timeout = PATIENCE
    server: Server

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        path = self.path.partition("?")[0]
        if path == "/metrics":
            super().do_GET()
        elif path in ("/health", "/ready"):
            self._say(*self.server.health.answer(path))
        else:
            self._say(HTTPStatus.NOT_FOUND, _ELSEWHERE)

    def version_string(self) -> str:
        """Nobody needs to know which version this is."""
        return "grux"

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def serve(settings: Settings, health: Health) -> None:
    """Answer on METRICS_PORT. Does nothing when it is 0. Raises ConfigError when it is taken."""
    if not settings.metrics_port:
        return
    try:
        server = Server(settings.metrics_port, health)
    except OSError as error:
        raise ConfigError(
            f"METRICS_PORT {settings.metrics_port} cannot be used ({error.strerror}): something "
            "else listens there. Stop it, or set METRICS_PORT to a free port."
        ) from None
    health.export()
    server.start()
