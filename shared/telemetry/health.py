"""What a process says of itself: to whoever restarts it, and to whoever sends it traffic.

- `/health`: is this process well? Only what a restart mends makes it unwell: an event loop that
  stands still. What it depends on (Redis, Discord) is told beside it and changes nothing, as a
  restart would bring neither back.
- `/ready`: should traffic come? That is the process's own word, as long as it is well and stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.telemetry.loop_lag import LoopLag
from shared.telemetry.metrics import Reading, export

log = logging.getLogger(__name__)

STUCK_AFTER: Final = 5.0  # seconds in which the loop has not turned
LOOK_EVERY: Final = 1.0  # seconds: what lasts less is not worth a line
SAY_AFTER: Final = 5.0  # seconds in which a process that starts should get ready

STARTING: Final = "it is starting"
ENDING: Final = "it is about to end"


class HealthReport(Struct, frozen=True):
    """What a process finds when it looks at itself."""

    facts: Mapping[str, Any]  # JSON: what it depends on, and what it does
    unready: str = ""  # why no traffic should come; empty: it may


class Health:
    """One for each process. Asked from any thread, also while the event loop stands still."""

    def __init__(self, service: str, *, stuck_after: float = STUCK_AFTER) -> None:
        self.lag = LoopLag()
        self._service = service
        self._stuck_after = stuck_after
        self._began = monotonic()
        self._look: Callable[[], HealthReport] = lambda: HealthReport({}, STARTING)
        self._leaving = ""
        self._said: str | None = None  # why the log says that it is not ready; None: nothing yet
        self._since = self._began

    def begin(self, look: Callable[[], HealthReport]) -> None:
        """The process works from now on, in the running loop.

        `look` is called from other threads: it reads plain values and waits for nothing.
        """
        self._look = look
        self.lag.begin()
        self._watch()

    def leave(self) -> None:
        """No more traffic from now on: the process is about to end."""
        self._leaving = ENDING

    @property
    def uptime(self) -> float:
        """Seconds since the process began."""
        return monotonic() - self._began

    @property
    def stuck(self) -> bool:
        """Whether the event loop stands still, so that only a restart helps."""
        return self.lag.now > self._stuck_after

    @property
    def unready(self) -> str:
        """Why no traffic should come; empty: it may. Every `/ready` answers by this."""
        if self.stuck:
            return f"the event loop has not turned for {self.lag.now:.0f} s"
        return self._leaving or self._look().unready

    def report(self) -> dict[str, Any]:
        """What `/health` shows."""
        look, unready = self._look(), self.unready
        return {
            "status": "stuck" if self.stuck else "ok",
            "service": self._service,
            "uptime": round(self.uptime, 1),
            "loop_lag": round(self.lag.now, 3),
            "worst_loop_lag": round(self.lag.worst, 3),
            "ready": not unready,
            "unready": unready or None,
            **look.facts,
        }

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and JSON of `/health` or `/ready`."""
        if path == "/health":
            return 503 if self.stuck else 200, msgspec.json.encode(self.report())
        unready = self.unready
        body = {"ready": not unready, "unready": unready or None}
        return 503 if unready else 200, msgspec.json.encode(body)

    def _watch(self) -> None:
        """Tell the log when the process gets ready and when it is not any more."""
        asyncio.get_running_loop().call_later(LOOK_EVERY, self._watch)
        unready, now = self.unready, monotonic()
        if unready == self._said or (unready and self._said is None and self.uptime < SAY_AFTER):
            return
        if unready:
            log.log(logging.INFO if self._leaving else logging.WARNING, "not ready: %s", unready)
        else:
            log.info("ready after %.0f s", now - self._since)
        if not self._said:
            self._since = now
        self._said = unready

    def export(self) -> None:
        """Show the metrics that every process has."""
        export(
            [
                Reading("grux_uptime_seconds", "Since the process began.", lambda: self.uptime),
                Reading("grux_ready", "1 while traffic should come.", lambda: not self.unready),
                Reading(
                    "grux_loop_lag_seconds",
                    "How late the event loop came to what was due.",
                    lambda: self.lag.distribution,
                ),
                Reading(
                    "grux_loop_lag_worst_seconds",
                    "The worst of the last minute.",
                    lambda: self.lag.worst,
                ),
            ]
        )
