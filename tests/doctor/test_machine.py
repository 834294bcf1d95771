"""The machine's clock, its limit of open files, and its file of settings."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from services.doctor import machine
from tests.doctor.examination import examined


@pytest.mark.parametrize(
    ("date", "level", "message"),
    [
        ("Thu, 01 Jan 1970 00:16:41 GMT", "ok", "agrees"),
        ("Thu, 01 Jan 1970 00:17:00 GMT", "warning", "20 seconds behind"),
        ("Thu, 01 Jan 1970 00:06:40 GMT", "failure", "600 seconds ahead of"),
    ],
)
def test_a_wrong_clock_is_measured(date: str, level: str, message: str) -> None:
    """The difference to Discord's clock is given in seconds, with its direction."""
    found = machine.check_clock_by_http("Discord's", date, now=1000.0)
    assert found is not None
    assert found.level == level
    assert message in found.message


def test_a_response_without_a_date_says_nothing_of_the_clock() -> None:
    """A proxy may drop the Date header."""
    assert machine.check_clock_by_http("Discord's", "", now=1000.0) is None


def test_a_low_file_limit_is_a_warning() -> None:
    """The message gives the number of clients that the limit allows."""
    assert machine.connection_capacity(1024).level == "warning"
    assert "768 connections" in machine.connection_capacity(1024).message
    assert machine.connection_capacity(524_288).level == "ok"
    assert machine.connection_capacity(resource.RLIM_INFINITY).level == "ok"


async def test_a_setting_that_is_none_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelled name in .env would otherwise change nothing, without a word."""
    (tmp_path / ".env").write_text("API_PRT=1\n")
    monkeypatch.chdir(tmp_path)
    said = await examined({"DISCORD_TOKEN": ""})
    assert said.level("API_PRT in .env is not a setting") == "warning"
