"""Waits for conditions: no test sleeps and hopes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds: far more than is ever needed; a failing test takes as long


async def eventually(holds: Callable[[], T]) -> T:
    """Wait until `holds` returns something true, and return that. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not (value := holds()):
            await asyncio.sleep(0.005)
        return value


async def eventually_async(holds: Callable[[], Awaitable[T]]) -> T:
    """The same for an async condition."""
    async with asyncio.timeout(PATIENCE):
        while not (value := await holds()):
            await asyncio.sleep(0.02)
        return value
