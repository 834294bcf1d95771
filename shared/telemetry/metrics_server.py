"""METRICS_HOST and METRICS_PORT: `/metrics`, `/health` and `/ready`, in a thread.

So they are answered while the event loop stands still, which is when they matter most.
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

from prometheus_client import MetricsHandler

from shared.config import ConfigError, Settings
from shared.net.listen import listen_problem
from shared.telemetry.health import Health

log = logging.getLogger(__name__)

WITHIN: Final = 5.0  # seconds that one request may take, from its connection to its answer's end
AT_ONCE: Final = 16  # requests: a scraper and some probes

_ELSEWHERE: Final = b'{"error":"There are /metrics, /health and /ready."}'


class MetricsServer(ThreadingTCPServer):
    """Strangers may come as well, where it listens for a scraper elsewhere. They hold no more than
    `AT_ONCE` threads and descriptors, each for `WITHIN` and a moment.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, health: Health) -> None:
        """Port 0 takes a free one. Raises OSError when the port cannot be had."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.health = health
        self._until: dict[socket.socket, float] = {}  # one request comes over each

    def start(self) -> None:
        """Answer from now until the process ends."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def verify_request(self, _request: Any, _client_address: object) -> bool:
        """Whether there is a place; else the connection is closed at once."""
        return len(self._until) < AT_ONCE

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin to answer, in a thread."""
        self._until[request] = monotonic() + WITHIN
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """It is over, in whatever way."""
        self._until.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off who took too long. The server calls it twice a second, and at each request."""
        now = monotonic()
        for request, until in self._until.copy().items():
            if until <= now:
                with suppress(OSError):  # it has ended meanwhile
                    request.shutdown(socket.SHUT_RDWR)  # whoever reads or writes it wakes

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A scraper that hangs up is worth no line."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request on METRICS_PORT failed")


class _Handler(MetricsHandler):
    server: MetricsServer

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
        server = MetricsServer(settings.metrics_host, settings.metrics_port, health)
    except OSError as error:
        host, port = settings.metrics_host, settings.metrics_port
        raise ConfigError(str(listen_problem(error, host, port, "METRICS_PORT"))) from None
    health.export()
    server.start()
