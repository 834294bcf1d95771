"""The images of a card: read from Redis, or fetched, scaled and stored there.

A card waits a bounded time for them. An image that arrives too late is there for the next card.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from enum import Enum
from hashlib import blake2b
from typing import Final, Self

import msgspec
from msgspec import Struct

from services.cards.card_model import ImageRequest
from services.cards.image_allowlist import AllowedImage, ImageAllowlist
from services.cards.image_fetcher import FetchFailed, ImageFetcher
from services.cards.render_jobs import CardImage, ScaledImage, ScaleImage
from services.cards.render_pool import PoolFull, RenderFailed, RenderPool
from shared.net.single_flight import SingleFlight
from shared.redis.image_cache import load_images, save_image
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

IMAGE_WAIT_S: Final = 2.5  # that a card waits for its images
FAILURE_TTL_S: Final = 60  # of an image that does not exist or cannot be shown
VIDEO_FAILURE_TTL_S: Final = 3600  # the same of a video, which takes a second to convert
RETRY_TTL_S: Final = 5  # of one that could not be fetched: its server is busy or unreachable
MAX_FETCHES: Final = 64  # at a time; a card does without further images for now

_FORMAT_VERSION: Final = b"3"  # of what Redis holds; changes whenever the scaling does
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CardImage).decode


class FetchedImages(Struct, frozen=True):
    images: dict[str, CardImage]  # by role
    complete: bool  # no further image can arrive later


class _Allowed(Struct, frozen=True):
    request: ImageRequest
    image: AllowedImage
    digest: str  # of what the stored image is made from


class _Missing(Enum):
    """Why there is no image, and what Redis holds instead of one."""

    FOR_GOOD = b""
    FOR_NOW = b"-"


_Lookup = CardImage | _Missing | None
"""An image, why there is none, or None where that is not known yet."""


class ImageStore:
    """`async with` is its lifetime: the end of the block cancels what is being fetched."""

    def __init__(
        self,
        store: Store,
        allowlist: ImageAllowlist,
        fetcher: ImageFetcher,
        pool: RenderPool,
        wait_s: float = IMAGE_WAIT_S,
    ) -> None:
        self._store = store
        self._allowlist = allowlist
        self._fetcher = fetcher
        self._pool = pool
        self._wait_s = wait_s
        self._fetches: SingleFlight[str, _Lookup] = SingleFlight()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._fetches.close()

    async def fetch_all(self, requests: Sequence[ImageRequest]) -> FetchedImages:
        """The images that are available within the wait. Raises nothing."""
        allowed = [
            _Allowed(request, image, _digest(image, request))
            for request in requests
            if (image := self._allowlist.resolve(request)) is not None
        ]
        images: dict[str, CardImage] = {}
        fetches: dict[str, asyncio.Task[_Lookup]] = {}
        complete = True
        # Before Redis is read: what is fetched and stored meanwhile is not in its answer.
        running = [self._fetches.get(each.digest) for each in allowed]
        found_in_redis = await self._read(allowed)
        for each, before, stored in zip(allowed, running, found_in_redis, strict=True):
            if isinstance(stored, CardImage):
                images[each.request.role] = stored
            elif stored is _Missing.FOR_NOW:
                complete = False
            elif stored is None:
                fetch = before or self._start_fetch(each)
                if fetch is None:
                    complete = False
                else:
                    fetches[each.request.role] = fetch
        if fetches:
            await asyncio.wait(set(fetches.values()), timeout=self._wait_s)
        for role, fetch in fetches.items():
            found = fetch.result() if fetch.done() and not fetch.cancelled() else None
            if isinstance(found, CardImage):
                images[role] = found
            complete = complete and found not in (None, _Missing.FOR_NOW)
        return FetchedImages(images, complete)

    async def _read(self, allowed: Sequence[_Allowed]) -> list[_Lookup]:
        """What Redis holds for each."""
        if not allowed:
            return []
        try:
            found = await load_images(self._store, [each.digest for each in allowed])
            return [_decoded(value) for value in found]
        except StoreUnavailable:
            return [None] * len(allowed)

    def _start_fetch(self, allowed: _Allowed) -> asyncio.Task[_Lookup] | None:
        """The one task of this process that fetches this image; None: too many are running."""
        if self._fetches.get(allowed.digest) is None and len(self._fetches) >= MAX_FETCHES:
            return None
        return self._fetches.join(allowed.digest, lambda: self._fetch(allowed))

    async def _fetch(self, allowed: _Allowed) -> _Lookup:
        """Raises nothing: a card without an image is still a card."""
        request = allowed.request
        try:
            data = await self._fetcher.fetch(allowed.image)
            result = await self._pool.submit(ScaleImage(data, request.role, request.animated))
        except PoolFull:
            return None  # says nothing about the image: the next card tries again
        except FetchFailed as error:
            missing = _Missing.FOR_NOW if error.temporary else _Missing.FOR_GOOD
            return await self._store_failure(allowed, missing, str(error))
        except RenderFailed as error:
            return await self._store_failure(allowed, _Missing.FOR_GOOD, str(error))
        if not isinstance(result, ScaledImage):
            return await self._store_failure(allowed, _Missing.FOR_GOOD, str(result))
        ttl_s = allowed.image.ttl_s
        ttl_s += random.randrange(ttl_s // 8 + 1)  # images stored together expire apart
        await self._write(allowed, _encode(result.image), ttl_s)
        return result.image

    async def _store_failure(self, allowed: _Allowed, missing: _Missing, reason: str) -> _Missing:
        log.debug("cards: image for %s left out: %s", allowed.request.role, reason)
        ttl_s = VIDEO_FAILURE_TTL_S if allowed.image.video else FAILURE_TTL_S
        if missing is _Missing.FOR_NOW:
            ttl_s = RETRY_TTL_S
        await self._write(allowed, missing.value, ttl_s)
        return missing

    async def _write(self, allowed: _Allowed, value: bytes, ttl_s: int) -> None:
        try:
            await save_image(self._store, allowed.digest, value, ttl_s)
        except StoreUnavailable:
            log.debug("cards: image not stored, because Redis cannot be reached")


def _digest(image: AllowedImage, request: ImageRequest) -> str:
    role = "badge" if request.role.startswith("badge") else request.role
    name = f"{role} {request.animated} {image.url}".encode()
    return blake2b(name, digest_size=16, key=_FORMAT_VERSION).hexdigest()


def _decoded(value: bytes | None) -> _Lookup:
    if value is None:
        return None
    if value in (_Missing.FOR_GOOD.value, _Missing.FOR_NOW.value):
        return _Missing(value)
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):  # written by another version of Grux
        return None
