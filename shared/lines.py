"""The lines to Redis that REDIS_URL asks for: to one server, or to each master of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared import feed, redis_clients, tracking
from shared.cluster_feed import ClusterFeed
from shared.cluster_tracking import ClusterTracking
from shared.feed import Feed
from shared.redis_url import parse
from shared.tracking import TRUE_FOR, Tracking


def follow(url: str, listener: feed.Listener) -> Feed | ClusterFeed:
    """Follows nobody yet, and only while its `run` runs."""
    place = parse(url)
    return ClusterFeed(place, listener) if place.kind == "cluster" else Feed.connect(url, listener)


@asynccontextmanager
async def track(url: str, listener: tracking.Listener) -> AsyncIterator[None]:
    """Tell the listener until the block ends, over as many connections as it takes."""
    place = parse(url)
    line = (
        ClusterTracking(place, listener)
        if place.kind == "cluster"
        else Tracking(redis_clients.line(url, timeout=TRUE_FOR), listener)
    )
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
