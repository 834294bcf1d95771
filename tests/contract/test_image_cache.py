"""Images that all processes share."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.image_cache import load_images, save_image
from shared.redis.store import Store


async def test_images_are_found_by_their_digest(store: Store) -> None:
    """In the order asked for; an empty image is an answer as well."""
    await save_image(store, "a", b"\x00png", 60)
    await save_image(store, "b", b"", 60)
    assert await load_images(store, ["b", "unknown", "a"]) == [b"", None, b"\x00png"]


async def test_images_expire(store: Store) -> None:
    """After as many seconds as were asked for."""
    await save_image(store, "a", b"png", 60)
    assert 0 < await store.redis.ttl(keys.picture("a")) <= 60


async def test_no_images(store: Store) -> None:
    """Nothing is asked for, and nothing is found."""
    assert await load_images(store, []) == []
