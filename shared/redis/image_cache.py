"""Images that all processes share, in Redis, by a digest of what each was made from."""

from __future__ import annotations

from collections.abc import Sequence

from shared.redis import keys
from shared.redis.store import Store


async def load_images(store: Store, digests: Sequence[str]) -> list[bytes | None]:
    """For each what `save_image` stored; None where there is nothing. Raises StoreUnavailable."""
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for digest in digests:
            pipe.get(keys.picture(digest))
        found: list[bytes | None] = await pipe.execute()
    return found


async def save_image(store: Store, digest: str, image: bytes, ttl_s: int) -> None:
    """`image` may be empty: there is none to be had. Raises StoreUnavailable."""
    async with store.reachable():
        await store.redis.set(keys.picture(digest), image, ex=ttl_s)
