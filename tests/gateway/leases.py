"""Processes that want a lease, in this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.sync import lease as lease_module
from services.gateway.sync.lease import Lease
from shared.redis.store import Store
from tests.ended import ended

QUICK: Final = {
    "KEPT": 0.4,
    "VALID": 0.3,
    "RENEW_EVERY": 0.05,
    "LOOK_EVERY": 0.02,
    "ASK_AGAIN": 0.02,
    "SETTLE": 0.1,
}
"""Times of the lease in which a test has not long to wait."""


def process(server: FakeServer) -> Store:
    """A store of its own, as another process would have."""
    return Store(FakeAsyncRedis(server=server), timeout=1.0)


@asynccontextmanager
async def holding(lease: Lease) -> AsyncIterator[asyncio.Task[None]]:
    await lease.acquire()
    task = asyncio.create_task(lease.hold())
    try:
        yield task
    finally:
        await ended(task)


def stop_the_process() -> None:
    """As SIGSTOP does, and SIGCONT later: meanwhile nothing in it goes on."""
    time.sleep(lease_module.VALID * 1.5)
