"""Waiting for a condition: no test sleeps for luck."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds: far more than is ever needed; a test that fails waits as long


async def eventually(holds: Callable[[], T]) -> T:
    """Wait until `holds` gives something true; gives that."""
    async with asyncio.timeout(PATIENCE):
        while not (value := holds()):
            await asyncio.sleep(0.005)
        return value


async def eventually_async(holds: Callable[[], Awaitable[T]]) -> T:
    """Wait until `holds` gives something true; gives that."""
    async with asyncio.timeout(PATIENCE):
        while not (value := await holds()):
            await asyncio.sleep(0.02)
        return value
