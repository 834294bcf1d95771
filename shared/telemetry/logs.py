"""Log lines: readable on a console, one JSON object a line elsewhere.

Text that comes from outside stands in a line escaped, so that nobody can forge a second line or
steer a terminal. A traceback takes several lines; each begins with a bar, as no entry does.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType

import msgspec

from shared.config import Settings, secrets_of

log = logging.getLogger(__name__)

_CONTROL = re.compile(
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f"  # C0 but the tab, DEL, C1: ANSI escapes among them
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"  # what turns the writing direction
    "\\u2028\\u2029\\ud800-\\udfff]"  # line ends of Unicode; surrogates, which UTF-8 cannot hold
)


def set_up(settings: Settings, service: str) -> None:
    """Send this process's log lines to stderr in the format that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonLines if settings.log_format == "json" else ConsoleLines
    handler.setFormatter(formatter(service, secrets_of(settings)))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for chatty in ("hikari", "websockets", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.getLogger().level, logging.WARNING))
    sys.excepthook = _last_words
    threading.excepthook = lambda died: _last_words(
        died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback
    )


class ConsoleLines(logging.Formatter):
    """`12:03:44 gateway INFO  what happened`."""

    def __init__(self, service: str, secrets: list[str]) -> None:
        super().__init__()
        self._service = service
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = f"{time} {self._service:<8} {record.levelname:<7} {_inert(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).split("\n")
            line = "\n".join([line, *(f"  | {_inert(one)}" for one in trace)])
        return _without(self._secrets, line)


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
            "message": _encodable(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = _encodable(self.formatException(record.exc_info))
        # What JSON lets through stands inside its strings alone, where an escape means the same.
        return _without(self._secrets, _inert(msgspec.json.encode(entry).decode()))


def _inert(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _encodable(text: str) -> str:
    """Lone surrogates, which Discord's JSON may hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _last_words(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What ends the process or a thread is a log entry as well."""
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical("this must not happen, and ends it", exc_info=(kind, error, trace))


def _without(secrets: list[str], line: str) -> str:
    for secret in secrets:
        line = line.replace(secret, "***")
    return line
