"""What a test finds in `caplog`: the records of Grux's loggers, without those of anything else.

asyncio and other libraries may log at any time, about what an earlier test left behind as well.
"""

from __future__ import annotations

import gc
import logging

import pytest

OWN_PACKAGES = ("services", "shared")


def own_records(caplog: pytest.LogCaptureFixture, *loggers: str) -> list[logging.LogRecord]:
    """Records so far of these loggers and those below them; by default all of Grux's."""
    names = loggers or OWN_PACKAGES
    return [
        record
        for record in caplog.records
        if any(f"{record.name}.".startswith(f"{name}.") for name in names)
    ]


def own_lines(caplog: pytest.LogCaptureFixture, *loggers: str) -> list[str]:
    """Their messages."""
    return [record.getMessage() for record in own_records(caplog, *loggers)]


def forget_earlier_tests(caplog: pytest.LogCaptureFixture) -> None:
    """For a test in which no library may log: asyncio reports the tasks and connections that
    earlier tests left behind when they are collected, which is now."""
    gc.collect()
    caplog.clear()
