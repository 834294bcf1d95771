"""`/metrics`, `/health` and `/ready` at METRICS_HOST and METRICS_PORT, served by a thread.

So they are answered while the event loop is blocked, which is when they matter most.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from socketserver import ThreadingTCPServer
from time import monotonic
from typing import Any, Final

from msgspec import Struct
from prometheus_client import MetricsHandler

from shared.config import ConfigError, Settings
from shared.net.listen import listen_problem
from shared.telemetry.health import Health

log = logging.getLogger(__name__)

_NOT_FOUND: Final = b'{"error":"Use /metrics, /health or /ready."}'


class MetricsServerLimits(Struct, frozen=True, kw_only=True):
    """The defaults are what production uses; tests pass smaller ones."""

    requests: int = 16  # at once: a scraper and some probes
    request_deadline: float = 5.0  # seconds, from the connection to the end of the response


DEFAULT_LIMITS: Final = MetricsServerLimits()


class MetricsServer(ThreadingTCPServer):
    """One thread per request.

    It may be open to strangers, where the scraper is on another machine. They hold at most
    `limits.requests` threads and descriptors, each for little longer than the deadline.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        host: str,
        port: int,
        health: Health,
        limits: MetricsServerLimits = DEFAULT_LIMITS,
    ) -> None:
        """Port 0 takes a free one. Raises OSError when it cannot listen."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.health = health
        self._limits = limits
        self._deadlines: dict[socket.socket, float] = {}  # time.monotonic() for each request

    def start(self) -> None:
        """Serve until the process ends."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def verify_request(self, _request: Any, _client_address: object) -> bool:
        """Whether there is a free slot; else the connection is closed at once."""
        return len(self._deadlines) < self._limits.requests

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread."""
        self._deadlines[request] = monotonic() + self._limits.request_deadline
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Free its slot, however it ended."""
        self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Disconnect what is past its deadline. Called twice a second, and at each request."""
        now = monotonic()
        for request, deadline in self._deadlines.copy().items():
            if deadline <= now:
                with suppress(OSError):  # it has ended meanwhile
                    request.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A scraper that disconnects is not worth a line."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request to METRICS_PORT failed")


class _Handler(MetricsHandler):
    server: MetricsServer

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        path = self.path.partition("?")[0]
        if path == "/metrics":
            super().do_GET()
        elif path in ("/health", "/ready"):
            self._send_json(*self.server.health.answer(path))
        else:
            self._send_json(HTTPStatus.NOT_FOUND, _NOT_FOUND)

    def version_string(self) -> str:
        """The Server header, without a version."""
        return "grux"

    def _send_json(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def serve(settings: Settings, health: Health) -> None:
    """Serve METRICS_PORT in a thread, unless it is 0. Raises ConfigError when it cannot listen."""
    if not settings.metrics_port:
        return
    try:
        server = MetricsServer(settings.metrics_host, settings.metrics_port, health)
    except OSError as error:
        host, port = settings.metrics_host, settings.metrics_port
        raise ConfigError(str(listen_problem(error, host, port, "METRICS_PORT"))) from None
    health.export()
    server.start()
