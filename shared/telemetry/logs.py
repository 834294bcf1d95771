"""Log lines: readable on a console, or one JSON object a line.

Control characters are escaped, so that text from outside cannot forge a line or control a terminal.
A traceback has several lines on the console; each begins with a bar, as no entry does. Those of one
place are limited, so that no client can fill the log with an exception that it has found.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Final

import msgspec

from shared.config import Settings, secrets_of

log = logging.getLogger(__name__)

_QUIET_LOGGERS: Final = ("hikari", "websockets", "uvicorn.access")

TRACEBACKS_PER_MINUTE: Final = 5  # of one exception, raised at one place
_WINDOW_S: Final = 60.0
_MAX_PLACES: Final = 1000

_CONTROL = re.compile(
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f"  # C0 but the tab, DEL, C1: ANSI escapes among them
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"  # changes of the writing direction
    "\\u2028\\u2029\\ud800-\\udfff]"  # Unicode's line ends; surrogates, which UTF-8 cannot encode
)


def set_up(settings: Settings, service: str) -> None:
    """Log to stderr, in the format and from the level that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonLines if settings.log_format == "json" else ConsoleLines
    handler.setFormatter(formatter(service, secrets_of(settings)))
    handler.addFilter(TracebackLimit())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))
    sys.excepthook = _log_unhandled
    threading.excepthook = lambda thread: _log_unhandled(
        thread.exc_type, thread.exc_value or thread.exc_type(), thread.exc_traceback
    )


class TracebackLimit(logging.Filter):
    """Drops entries with a traceback once their place has had its share of the minute.

    The last one says so; the first one after the minute says how many were dropped. What ends the
    process is always logged.
    """

    def __init__(
        self, per_minute: int = TRACEBACKS_PER_MINUTE, clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[tuple[object, ...], _Place] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info or record.levelno >= logging.CRITICAL:
            return True
        kind, _, trace = record.exc_info
        now = self._clock()
        with self._lock:
            key = (record.name, kind, *_raised_at(trace))
            place = self._places.get(key)
            if place is None or now >= place.ends_at:
                dropped = max(0, place.entries - self._per_minute) if place else 0
                if len(self._places) >= _MAX_PLACES:
                    self._places.clear()
                place = self._places[key] = _Place(now + _WINDOW_S, dropped)
            place.entries += 1
            entries, dropped = place.entries, place.dropped
        if entries > self._per_minute:
            return False
        if entries == 1 and dropped:
            _append(record, f"{dropped} more like this were not logged")
        if entries == self._per_minute:
            _append(record, "more like this are not logged for a minute")
        return True


class _Place(msgspec.Struct):
    ends_at: float  # of the window
    dropped: int  # in the window before it
    entries: int = 0


def _raised_at(trace: TracebackType | None) -> tuple[object, ...]:
    """The line of code that raised."""
    if trace is None:
        return ()
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def _append(record: logging.LogRecord, note: str) -> None:
    record.msg, record.args = f"{record.getMessage().rstrip()} ({note})", ()


class ConsoleLines(logging.Formatter):
    """`12:03:44 gateway INFO  what happened`."""

    def __init__(self, service: str, secrets: list[str]) -> None:
        super().__init__()
        self._service = service
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = f"{time} {self._service:<8} {record.levelname:<7} {_escaped(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).split("\n")
            line = "\n".join([line, *(f"  | {_escaped(one)}" for one in trace)])
        return _masked(self._secrets, line)


class JsonLines(logging.Formatter):
    """`{"time", "level", "service", "logger", "message", "exception"?}`."""

    def __init__(self, service: str, secrets: list[str]) -> None:
        super().__init__()
        self._service = service
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": _with_escaped_surrogates(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = _with_escaped_surrogates(self.formatException(record.exc_info))
        # JSON leaves control characters in its strings alone, where an escape means the same.
        return _masked(self._secrets, _escaped(msgspec.json.encode(entry).decode()))


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _with_escaped_surrogates(text: str) -> str:
    """Lone surrogates come from Discord's JSON; UTF-8 cannot encode them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _log_unhandled(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log what ends the process or a thread, in the same format."""
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical("unhandled exception; exiting", exc_info=(kind, error, trace))


def _masked(secrets: list[str], line: str) -> str:
    for secret in secrets:
        line = line.replace(secret, "***")
    return line
