"""Work that runs beside a block."""

from __future__ import annotations

import asyncio

import pytest

from shared.startup.background import background


async def test_it_ends_with_the_block() -> None:
    """It is cancelled, and its end is waited for."""
    log: list[str] = []

    async def work() -> None:
        log.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("ended")

    async with background(work(), work()):
        while len(log) < 2:
            await asyncio.sleep(0)
    assert log == ["began", "began", "ended", "ended"]


async def test_its_failure_ends_the_block() -> None:
    """A service does not go on without it."""

    async def fails() -> None:
        raise ValueError("a bug")

    with pytest.raises(ExceptionGroup) as raised:
        async with background(fails()):
            await asyncio.Event().wait()
    assert raised.group_contains(ValueError, match="a bug")
