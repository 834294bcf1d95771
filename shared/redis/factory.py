"""The lines to Redis that REDIS_URL asks for: to one server, or to each master of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.redis import clients, invalidation, subscriber
from shared.redis.cluster.invalidation import ClusterInvalidationStream
from shared.redis.cluster.subscriber import ClusterSubscriber
from shared.redis.invalidation import TRUE_FOR, InvalidationStream
from shared.redis.subscriber import Subscriber
from shared.redis.url import parse


def follow(url: str, listener: subscriber.UpdateHandler) -> Subscriber | ClusterSubscriber:
    """Follows nobody yet, and only while its `run` runs."""
    place = parse(url)
    return (
        ClusterSubscriber(place, listener)
        if place.kind == "cluster"
        else Subscriber.connect(url, listener)
    )


@asynccontextmanager
async def track(url: str, listener: invalidation.InvalidationHandler) -> AsyncIterator[None]:
    """Tell the listener until the block ends, over as many connections as it takes."""
    place = parse(url)
    line = (
        ClusterInvalidationStream(place, listener)
        if place.kind == "cluster"
        else InvalidationStream(clients.line(url, timeout=TRUE_FOR), listener)
    )
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
