"""Log lines: hostile text stays on one line, and no secret is shown."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence

import pytest

from shared import config
from shared.config import ApiSettings, CardsSettings
from shared.telemetry.logs import ConsoleLines, JsonLines, TracebackLimit

HOSTILE = {
    "a second line": "robin\n12:00:00 gateway INFO  forged",
    "a carriage return": "robin\rforged",
    "a vertical tab": "robin\x0bforged",
    "ANSI colours": "robin\x1b[31mred\x1b[2J",
    "C1's CSI": "robin\x9b31mred",
    "a bell and a NUL": "robin\a\x00",
    "Unicode's line ends": "robin\u2028forged\u2029forged\x85forged",
    "another direction": "robin\u202egrof\u2066x",
    "quotes": 'robin"}, {"level": "info", "message": "forged',
    "a backslash": "robin\\",
    "a lone surrogate": "robin\ud83c",
}
hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())


def record(message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("some.name", logging.INFO, "", 0, message, arguments, info)


def is_inert(line: str) -> bool:
    return line.isprintable() and bool(line.encode())


@hostile
def test_a_name_cannot_break_a_console_line(name: str) -> None:
    """One line, in which nothing controls a terminal."""
    line = ConsoleLines("api", []).format(record("user %s is shown", name))
    assert is_inert(line)
    assert line.endswith(" is shown")


@hostile
def test_a_name_cannot_break_a_json_line(name: str) -> None:
    """One object, whose message is the text."""
    line = JsonLines("api", []).format(record("user %s is shown", name))
    assert is_inert(line)
    entry = json.loads(line)
    assert set(entry) == {"time", "level", "service", "logger", "message"}
    known = name.encode("utf-8", "backslashreplace").decode()
    assert entry["message"] == f"user {known} is shown"


@hostile
def test_an_exception_cannot_forge_a_line(name: str) -> None:
    """Its lines begin with a bar, as no entry does; in JSON they are one string."""
    try:
        raise ValueError(name)
    except ValueError as error:
        broken = record("a bug", error=error)
    first, *trace = ConsoleLines("api", []).format(broken).split("\n")
    assert all(is_inert(line) for line in (first, *trace))
    assert trace
    assert all(line.startswith("  | ") for line in trace)
    entry = json.loads(JsonLines("api", []).format(broken))
    assert "ValueError: robin" in entry["exception"]


@pytest.mark.parametrize("lines", [ConsoleLines, JsonLines])
def test_secrets_are_masked(lines: type[ConsoleLines | JsonLines]) -> None:
    """Wherever they come from: a library's message, an exception."""
    settings = ApiSettings(
        discord_token="a.bots.token",
        discord_client_secret="a-clients-secret",
        secret_key=f"{'k' * 32}, {'K' * 32}",
        redis_url="redis://grux:p%40ss-word@redis:6379/0",
        profile_source="upstream",
        profile_upstream_url="https://profiles.example.org/{user_id}?key=hunter2",
    )
    shown = lines("api", config.secrets_of(settings)).format(
        record("%s %s %s %s", "a.bots.token", "p%40ss-word", "p@ss-word", "hunter2 is not one")
    )
    assert "token" not in shown
    for secret in (settings.discord_client_secret, *settings.secret_keys()):
        assert secret not in lines("api", config.secrets_of(settings)).format(record("%s", secret))
    assert "ss-word" not in shown
    url = settings.profile_upstream_url
    assert url not in lines("api", config.secrets_of(settings)).format(record("at %s", url))


def test_settings_in_the_log_hold_no_secrets() -> None:
    """What is set is named; what may carry a password is not shown."""
    settings = ApiSettings(
        api_port=9000,
        discord_token="a.bots.token",
        discord_client_secret="a-secret",
        secret_key="k" * 32,
        redis_url="rediss://grux:password@redis:6380/2?password=another",
        profile_source="upstream",
        profile_upstream_url="https://profiles.example.org/{user_id}?key=hunter2",
    )
    assert config.non_defaults(settings) == (
        "DISCORD_TOKEN=*** REDIS_URL=rediss://***@redis:6380/2 PROFILE_SOURCE=upstream "
        "PROFILE_UPSTREAM_URL=*** API_PORT=9000 DISCORD_CLIENT_SECRET=*** SECRET_KEY=***"
    )
    cards = CardsSettings(
        discord_api_url="https://user:hunter2@proxy.example.org/api/v10",
        discord_cdn_url="https://user:12345/etpw@cdn.example.org",  # refused by from_env
        discord_cdn_fetch_url="http://a-key@cdn.example.org:8080/cdn?token=hunter3",
        discord_invite="https://discord.com/oauth2/authorize?client_id=1",
    )
    assert config.non_defaults(cards) == (
        "DISCORD_API_URL=https://***@proxy.example.org/api/v10 "
        "DISCORD_CDN_URL=https://***@cdn.example.org "
        "DISCORD_CDN_FETCH_URL=http://***@cdn.example.org:8080/cdn "
        "DISCORD_INVITE=https://discord.com/oauth2/authorize?client_id=1"
    )
    assert {"hunter2", "12345/etpw", "a-key"} <= set(config.secrets_of(cards))
    assert config.non_defaults(ApiSettings()) == "all settings are at their defaults"


DYING: Sequence[str] = (
    "import threading",
    "from shared.telemetry import logs",
    "from shared.config import Settings",
    "logs.set_up(Settings(log_format='json'), 'api')",
    "thread = threading.Thread(target=lambda: 1 / 0)",
    "thread.start()",
    "thread.join()",
    "raise ValueError('a bug')",
)


def test_tracebacks_of_one_place_are_limited() -> None:
    """A client that has found an exception cannot fill the log. The rest is counted."""
    now = 0.0
    limit = TracebackLimit(3, lambda: now)

    def logged(cause: str, level: int = logging.ERROR) -> str | None:
        try:
            int(cause)
        except ValueError as error:
            entry = record("failed\n", error=error)
        entry.levelno = level
        return entry.getMessage() if limit.filter(entry) else None

    texts = [logged(str(cause) + "x") for cause in range(10)]
    assert texts[:2] == ["failed\n", "failed\n"]
    assert texts[2] == "failed (more like this are not logged for a minute)"
    assert texts[3:] == [None] * 7
    assert logged("x", logging.CRITICAL)  # it ends the process
    assert limit.filter(record("another place", error=ValueError("raised nowhere")))
    assert limit.filter(record("no traceback"))
    now = 60.0
    assert logged("x") == "failed (7 more like this were not logged)"
    assert logged("x") == "failed\n"
    now = 120.0
    assert logged("x") == "failed\n"


def test_unhandled_exceptions_are_entries_too() -> None:
    """What ends a thread or the process is an entry in the chosen format."""
    died = subprocess.run(
        [sys.executable, "-c", "\n".join(DYING)], capture_output=True, text=True, check=False
    )
    assert died.returncode == 1
    thread, process = [json.loads(line) for line in died.stderr.splitlines()]
    assert thread["level"] == process["level"] == "critical"
    assert "ZeroDivisionError" in thread["exception"]
    assert "ValueError: a bug" in process["exception"]
