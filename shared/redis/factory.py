"""What REDIS_URL asks for: connections to one server, or to each master of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.redis import clients
from shared.redis.cluster.invalidation import ClusterInvalidationStream
from shared.redis.cluster.subscriber import ClusterSubscriber
from shared.redis.invalidation import VALIDITY_S, InvalidationHandler, InvalidationStream
from shared.redis.subscriber import Subscriber, UpdateHandler
from shared.redis.url import parse


def follow(url: str, listener: UpdateHandler) -> Subscriber | ClusterSubscriber:
    """A subscriber without users yet. It is connected only while its `run` runs."""
    target = parse(url)
    if target.kind == "cluster":
        return ClusterSubscriber(target, listener)
    return Subscriber.connect(url, listener)


@asynccontextmanager
async def track(url: str, listener: InvalidationHandler) -> AsyncIterator[None]:
    """Report changes to the listener until the block ends."""
    target = parse(url)
    stream = (
        ClusterInvalidationStream(target, listener)
        if target.kind == "cluster"
        else InvalidationStream(clients.single_pool(url, timeout=VALIDITY_S), listener)
    )
    task = asyncio.create_task(stream.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
