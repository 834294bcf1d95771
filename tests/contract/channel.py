"""The channel of a user, as the tests of this suite listen to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from shared.redis import keys
from testing.eventually import PATIENCE
from tests.contract.conftest import Connect

NextMessage = Callable[[], Awaitable[dict[str, Any]]]
"""Gives the next message of the user's channel."""


@asynccontextmanager
async def messages_of(connect: Connect, user_id: int) -> AsyncIterator[NextMessage]:
    redis = connect()
    pubsub = redis.pubsub()
    await pubsub.subscribe(keys.presence(user_id))
    await pubsub.get_message(timeout=5.0)

    async def following() -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    decoded: dict[str, Any] = msgspec.json.decode(message["data"])
                    return decoded

    try:
        yield following
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await redis.aclose()
