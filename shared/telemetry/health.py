"""What a process reports to its supervisor (`/health`) and to its load balancer (`/ready`).

- `/health`: does a restart help? It fails only while the event loop is blocked. The state of Redis
  and Discord is shown beside it and does not change it: a restart would bring neither back.
- `/ready`: may traffic come? The service decides, as long as the process is healthy and is not
  shutting down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

import msgspec
from msgspec import Struct
from prometheus_client import REGISTRY, Gauge

from shared.telemetry.loop_lag import LoopLag
from shared.version import VERSION

log = logging.getLogger(__name__)

STARTING: Final = "the process is starting"
SHUTTING_DOWN: Final = "the process is shutting down"


class HealthTimings(Struct, frozen=True, kw_only=True):
    """All in seconds. The defaults are what production uses; tests pass shorter ones."""

    stuck_after: float = 5.0  # of a blocked loop only a restart helps
    log_interval: float = 1.0  # what lasts less is not worth a line
    start_grace: float = 5.0  # no line within it: a process that starts is not ready at first


DEFAULT_TIMINGS: Final = HealthTimings()


class HealthReport(Struct, frozen=True):
    """The state of a service at one moment."""

    facts: Mapping[str, Any]  # JSON values, shown by `/health`
    unready: str = ""  # why no traffic may come; empty: it may


HealthProbe = Callable[[], HealthReport]
"""Called from other threads, also while the loop is blocked: it reads plain values and never waits.
"""


class Health:
    """The health of this process. Every method but `begin` may be called from any thread."""

    def __init__(self, service: str, timings: HealthTimings = DEFAULT_TIMINGS) -> None:
        self.lag = LoopLag()
        self._service = service
        self._timings = timings
        self._began = monotonic()
        self._probe: HealthProbe = lambda: HealthReport({}, STARTING)
        self._shutting_down = False
        self._logged: str | None = None  # the last `unready` in the log; None: nothing yet
        self._unready_since = self._began

    def begin(self, probe: HealthProbe) -> None:
        """The service works from now on, in the running loop."""
        self._probe = probe
        self.lag.begin()
        self._log_changes()

    def leave(self) -> None:
        """The process shuts down: no more traffic may come."""
        self._shutting_down = True

    @property
    def uptime(self) -> float:
        """Seconds since the process began."""
        return monotonic() - self._began

    @property
    def stuck(self) -> bool:
        """Whether the event loop has been blocked for so long that only a restart helps."""
        return self.lag.now > self._timings.stuck_after

    @property
    def unready(self) -> str:
        """Why no traffic may come; empty when it may. Every `/ready` reports this."""
        if self.stuck:
            return f"the event loop has been blocked for {self.lag.now:.0f} s"
        return SHUTTING_DOWN if self._shutting_down else self._probe().unready

    def report(self) -> dict[str, Any]:
        """The JSON object of `/health`. Times are in seconds."""
        facts, unready = self._probe().facts, self.unready
        return {
            "status": "stuck" if self.stuck else "ok",
            "service": self._service,
            "version": VERSION,
            "uptime": round(self.uptime, 1),
            "loop_lag": round(self.lag.now, 3),
            "worst_loop_lag": round(self.lag.worst, 3),
            "ready": not unready,
            "unready": unready or None,
            **facts,
        }

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and JSON of `/health` or `/ready`."""
        if path == "/health":
            return 503 if self.stuck else 200, msgspec.json.encode(self.report())
        unready = self.unready
        body = {"ready": not unready, "unready": unready or None}
        return 503 if unready else 200, msgspec.json.encode(body)

    def export(self) -> None:
        """Register the metrics that every process has."""
        for name, documentation, read in (
            ("grux_uptime_seconds", "Since the process began.", lambda: self.uptime),
            ("grux_ready", "1 while /ready says yes.", lambda: not self.unready),
            ("grux_loop_lag_worst_seconds", "The worst of a minute.", lambda: self.lag.worst),
        ):
            Gauge(name, documentation).set_function(read)
        REGISTRY.register(self.lag.histogram)

    def _log_changes(self) -> None:
        """Write a line when the process gets ready, and when it no longer is."""
        asyncio.get_running_loop().call_later(self._timings.log_interval, self._log_changes)
        unready, now = self.unready, monotonic()
        if unready == self._logged:
            return
        if unready and self._logged is None and self.uptime < self._timings.start_grace:
            return
        if unready:
            level = logging.INFO if self._shutting_down else logging.WARNING
            log.log(level, "not ready: %s", unready)
        else:
            log.info("ready after %.0f s", now - self._unready_since)
        if not self._logged:
            self._unready_since = now
        self._logged = unready
