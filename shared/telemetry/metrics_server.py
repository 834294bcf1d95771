"""`/metrics`, `/health` and `/ready` at METRICS_HOST and METRICS_PORT, served by a thread.

So they are answered while the event loop is blocked, which is when they matter most.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from io import BufferedReader, RawIOBase
from socketserver import ThreadingTCPServer
from time import monotonic
from typing import Any, Final

from msgspec import Struct
from prometheus_client import MetricsHandler

from shared.config import ConfigError, Settings
from shared.net.bounded_input import MAX_LIST_CHARS
from shared.net.listen import listen_problem
from shared.telemetry.health import Health

log = logging.getLogger(__name__)

_NOT_FOUND: Final = b'{"error":"Use /metrics, /health or /ready."}'
_FULL: Final = b'{"error":"Too many requests at once. Try again."}'


class MetricsServerLimits(Struct, frozen=True, kw_only=True):
    """The defaults are what production uses; tests pass smaller ones.

    Each kind has places of its own, so that none keeps another from being answered.
    """

    pending: int = 16  # connections that have sent no whole request
    probes: int = 16  # responses to /health and /ready in progress
    scrapes: int = 4  # responses to /metrics in progress
    request_deadline: float = 5.0  # seconds, from the connection to the end of the response
    max_head_bytes: int = 8192


DEFAULT_LIMITS: Final = MetricsServerLimits()


class MetricsServer(ThreadingTCPServer):
    """One thread per request.

    It may be open to strangers, where the scraper is on another machine. They hold at most as many
    threads and descriptors as `limits` has places, each for little longer than the deadline.
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
        self.limits = limits
        self._lock = threading.Lock()  # of what follows
        self._deadlines: dict[socket.socket, float] = {}  # time.monotonic() for each request
        self._pending: dict[socket.socket, str] = {}  # the address of each, in order of arrival
        self._probes: set[socket.socket] = set()
        self._scrapes: set[socket.socket] = set()

    def start(self) -> None:
        """Serve until the process ends."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread. A newcomer always gets a place: a pending one is closed for it."""
        with self._lock:
            if len(self._pending) >= self.limits.pending:
                self._close_one_pending()
            self._pending[request] = client_address[0]
            self._deadlines[request] = monotonic() + self.limits.request_deadline
        super().process_request(request, client_address)

    def admit(self, request: socket.socket, path: str) -> bool:
        """The request's head is whole. False: all places for such requests are taken."""
        with self._lock:
            if self._pending.pop(request, None) is None:
                return False  # it was closed for another one
            scrape = path == "/metrics"
            places = self._scrapes if scrape else self._probes
            if len(places) >= (self.limits.scrapes if scrape else self.limits.probes):
                return False
            places.add(request)
            return True

    def shutdown_request(self, request: Any) -> None:
        """Free its place, however it ended."""
        with self._lock:
            self._pending.pop(request, None)
            self._deadlines.pop(request, None)
            self._probes.discard(request)
            self._scrapes.discard(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Disconnect what is past its deadline. Called twice a second, and at each request."""
        now = monotonic()
        with self._lock:
            expired = [request for request, deadline in self._deadlines.items() if deadline <= now]
        for request in expired:
            _disconnect(request)

    def _close_one_pending(self) -> None:
        """The oldest of the address that has most, so that a flood displaces only itself."""
        held = Counter(self._pending.values())
        most = max(held.values())
        oldest = next(
            request for request, address in self._pending.items() if held[address] == most
        )
        del self._pending[oldest]
        _disconnect(oldest)

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A scraper that disconnects is not worth a line."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request to METRICS_PORT failed")


def _disconnect(request: socket.socket) -> None:
    with suppress(OSError):  # it has ended meanwhile
        request.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it


class _HeadReader(BufferedReader):
    """Reads lines until the request's head is too long. Raises OSError then."""

    def __init__(self, raw: RawIOBase, max_bytes: int) -> None:
        super().__init__(raw)
        self._left = max_bytes

    def readline(self, size: int | None = -1, /) -> bytes:
        most = self._left if size is None or size < 0 else min(size, self._left)
        line = super().readline(most)
        self._left -= len(line)
        if self._left <= 0:
            raise ConnectionAbortedError("the request's head is too long")
        return line


class _Handler(MetricsHandler):
    server: MetricsServer

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        raw = self.connection.makefile("rb", buffering=0)
        self.rfile = _HeadReader(raw, self.server.limits.max_head_bytes)

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        path = self.path.partition("?")[0]
        if not self.server.admit(self.connection, path):
            self._send_json(HTTPStatus.SERVICE_UNAVAILABLE, _FULL)
        elif path == "/metrics":
            for name in ("Accept", "Accept-Encoding"):
                if len(self.headers.get(name, "")) > MAX_LIST_CHARS:
                    del self.headers[name]  # prometheus_client reads any number of items
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
