"""Log lines: readable on a console, one JSON object a line elsewhere.

Text that comes from outside stands in a line escaped, so that nobody can forge a second line.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime

import msgspec

from shared.config import Settings

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def set_up(settings: Settings, service: str) -> None:
    """Send this process's log lines to stderr in the format that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    secrets = [settings.discord_token] if settings.discord_token else []
    formatter = JsonLines if settings.log_format == "json" else ConsoleLines
    handler.setFormatter(formatter(service, secrets))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for chatty in ("hikari", "websockets", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.getLogger().level, logging.WARNING))


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
            line = f"{line}\n{self.formatException(record.exc_info)}"
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
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _without(self._secrets, msgspec.json.encode(entry).decode())


def _inert(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _without(secrets: list[str], line: str) -> str:
    for secret in secrets:
        line = line.replace(secret, "***")
    return line
