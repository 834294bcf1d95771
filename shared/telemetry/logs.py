"""Log lines: readable on a console, or one JSON object a line.

Control characters are escaped, so that text from outside cannot forge a line or control a terminal.
A traceback has several lines on the console; each begins with a bar, as no entry does.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

import msgspec

from shared.config import Settings, secrets_of

log = logging.getLogger(__name__)

_QUIET_LOGGERS: Final = ("hikari", "websockets", "uvicorn.access")

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
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))
    sys.excepthook = _log_unhandled
    threading.excepthook = lambda thread: _log_unhandled(
        thread.exc_type, thread.exc_value or thread.exc_type(), thread.exc_traceback
    )


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
