"""Ends tasks of a test."""

from __future__ import annotations

import asyncio
from typing import Any


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them until they are done: `asyncio.wait_for` of Python 3.11, which fakeredis waits
    with, loses a cancellation that comes in the moment of its answer. A task group would not cancel
    its tasks again, so they are cancelled here as well."""
    while left := [task for task in tasks if not task.done()]:
        for task in {*left, *(one for one in asyncio.all_tasks() if one.cancelling())}:
            task.cancel()
        await asyncio.wait(left, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)
