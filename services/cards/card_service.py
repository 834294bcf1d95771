"""Finished cards: from memory, or drawn once for all requests of the same moment.

A card is kept by what it shows, so parameters that change nothing cost nothing. Renders are counted
by the address that requests them, and an address has a share of the render pool: a visitor who
varies the parameters, or requests many cards at once, limits their own requests, and no others. If
a card cannot be drawn, the answer is the last one with the same parameters.

The answer is always an image. Problems are explained inside it, as image proxies show nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, Self

import msgspec
from cachetools import LRUCache
from msgspec import Struct

from services.cards import card_model, card_options, now_playing
from services.cards.card_model import CardModel, ImageRequest
from services.cards.card_options import CardOptions
from services.cards.fair_share import FairShare
from services.cards.image_store import ImageStore
from services.cards.now_playing import NowPlayingModel
from services.cards.problems import (
    BUSY_PNG,
    BUSY_SVG,
    MAX_AGE_S,
    PROBLEMS,
    RETRY_MAX_AGE_S,
    Problem,
    explanation,
)
from services.cards.render_jobs import (
    DrawCard,
    DrawNowPlaying,
    DrawPlaceholder,
    Rendered,
    RenderJob,
)
from services.cards.render_pool import PoolFull, RenderFailed, RenderPool
from shared.discord import snowflake
from shared.http.errors import InvalidUserId
from shared.http.middleware import StalenessSource
from shared.model.history import KeptSong
from shared.model.snapshot import Presence, Profile
from shared.net.fixed_window import FixedWindowCounter
from shared.net.single_flight import SingleFlight
from shared.profiles.user_reader import UserReader, UserView
from shared.redis.store import decoded

log = logging.getLogger(__name__)

CARD_CACHE_ENTRIES: Final = 400
CARD_CACHE_BYTES: Final = 48 * 1024 * 1024
PLACEHOLDER_TTL_S: Final = 3600.0
LAST_GOOD_BYTES: Final = 24 * 1024 * 1024
LAST_GOOD_TTL_S: Final = 600.0  # as long as proxies may show it after an error

_decode_profile = msgspec.json.Decoder(Profile).decode
_decode_presence = msgspec.json.Decoder(Presence).decode
_decode_song = msgspec.json.Decoder(KeptSong).decode

PictureKind = Literal["card", "now-playing"]
Model = CardModel | NowPlayingModel

Key = tuple[object, ...]


class CardTimings(Struct, frozen=True, kw_only=True):
    """How long a finished card is served from memory, and how many are drawn in a window."""

    ticking_ttl_s: float = 8.0  # a card with a running clock
    static_ttl_s: float = 60.0
    incomplete_ttl_s: float = 2.0  # while one of its images is being fetched
    renders_per_window: int = 40  # of one user for one address
    window_s: float = 60.0


class Card(Struct, frozen=True):
    """An image, ready to send."""

    body: bytes
    max_age_s: int
    problem: str | None  # code of the problem that the image explains, if there is one
    fresh_until: float = 0.0  # time.monotonic()


Render = Callable[[], Coroutine[Any, Any, Card]]


def _cache_cost(card: Card) -> int:
    """Bytes. A small card counts as an even share, which bounds the number of cards."""
    return max(len(card.body), CARD_CACHE_BYTES // CARD_CACHE_ENTRIES)


class CardService:
    """`async with` is its lifetime. Starts nothing before the first card is requested."""

    def __init__(
        self,
        users: UserReader,
        images: ImageStore,
        pool: RenderPool,
        shares: FairShare,
        discord_invite: str | None,
        staleness: StalenessSource,
        timings: CardTimings | None = None,
    ) -> None:
        self._users = users
        self._images = images
        self._pool = pool
        self._discord_invite = discord_invite
        self._staleness = staleness
        self._timings = timings or CardTimings()
        self._cache: LRUCache[Key, Card] = LRUCache(CARD_CACHE_BYTES, getsizeof=_cache_cost)
        self._renders: SingleFlight[Key, Card] = SingleFlight()
        self._render_counts = FixedWindowCounter(self._timings.window_s)
        self._shares = shares
        # By user, options and format, whatever the state of a user who hides nothing, and what may
        # be erased: the last song of a history, and the pronouns.
        self._last_good: LRUCache[Key, Card] = LRUCache(LAST_GOOD_BYTES, getsizeof=_cache_cost)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._renders.close()

    async def card(
        self,
        user_id_text: str,
        options: CardOptions,
        png: bool,
        requester: str = "",
        kind: PictureKind = "card",
    ) -> Card:
        """`user_id_text`: the part of the path that should be an id. Raises nothing.

        `requester`: the address that renders are counted by.
        """
        try:
            return await self._user_card(parse_user_id(user_id_text), options, png, requester, kind)
        except Exception as error:
            problem = PROBLEMS.get(type(error))
            if problem is None:
                log.exception("cards: unhandled exception while drawing a card")
                problem = PROBLEMS[Exception]
            return await self._placeholder(problem, options, png, requester)

    async def _user_card(
        self, user_id: int, options: CardOptions, png: bool, requester: str, kind: PictureKind
    ) -> Card:
        user = await self._users.view(user_id)
        minutes = None if (silent_for := self._staleness.stale) is None else silent_for // 60
        model, requests = _content(user, options, png, kind)
        if kind == "now-playing":  # which has no layouts, and shows no server tag
            options = msgspec.structs.replace(options, layout="full", tag_bg=None)
        look = card_options.drawn(options)
        key: Key = (user_id, model, requests, minutes, look, png)
        kept: Key = (user_id, options, png, kind, user.history, getattr(model, "pronouns", None))
        try:
            card = await self._render_once(
                key,
                requester,
                str(user_id),
                lambda: self._render_user(model, requests, look, png, silent_for),
            )
        except (PoolFull, RenderFailed):
            # It may show what has been hidden since, which its state does not tell.
            last = None if user.hides else self._last_good.get(kept)
            if last is not None and time.monotonic() < last.fresh_until:
                return last
            raise
        self._last_good[kept] = _retried_soon(card, card.fresh_until + LAST_GOOD_TTL_S)
        return card

    async def _render_once(self, key: Key, requester: str, subject: str, render: Render) -> Card:
        """The cached card, or one render shared by all requests for it.

        Renders are counted by requester and `subject`.
        """
        cached, now = self._cache.get(key), time.monotonic()
        if cached is not None:
            if now < cached.fresh_until:
                return cached
            is_usable = now < cached.fresh_until + LAST_GOOD_TTL_S  # its clock is not far behind
            cached = _retried_soon(cached) if is_usable else None
        try:
            if self._renders.get(key) is None and self._over_limit(f"{requester} {subject}"):
                raise PoolFull
            task = self._renders.join(key, lambda: self._render_into_cache(key, requester, render))
            return await asyncio.shield(task)
        except (PoolFull, RenderFailed):
            if cached is None:
                raise
            return cached

    async def _render_into_cache(self, key: Key, requester: str, render: Render) -> Card:
        async with self._shares.turn(requester):
            card = self._cache[key] = await render()
        return card

    async def _render_user(
        self,
        model: Model,
        requests: tuple[ImageRequest, ...],
        options: CardOptions,
        png: bool,
        silent_for: int | None,
    ) -> Card:
        fetched = await self._images.fetch_all(requests)
        now = time.time_ns() // 1_000_000
        ttl_s = self._ttl_s(model, fetched.complete)
        job: RenderJob
        if isinstance(model, NowPlayingModel):
            job = DrawNowPlaying(model, options, fetched.images, now, silent_for, png)
        else:
            job = DrawCard(model, options, fetched.images, now, silent_for, png)
        body = await self._submit(job)
        max_age_s = MAX_AGE_S if fetched.complete else RETRY_MAX_AGE_S
        return Card(body, max_age_s, None, time.monotonic() + ttl_s)

    async def _placeholder(
        self, problem: Problem, options: CardOptions, png: bool, requester: str
    ) -> Card:
        """Falls back to the default options, then to an image that needs no rendering."""
        said = explanation(problem, options.lang, self._discord_invite)
        look = card_options.drawn(options)
        common = f"{problem.code} {options.lang}"
        plain = CardOptions(lang=options.lang)
        for tried, by, subject in ((look, requester, problem.code), (plain, "", common)):
            job = DrawPlaceholder(said.title, said.text, tried, png)

            async def render(job: DrawPlaceholder = job) -> Card:
                body = await self._submit(job)
                fresh_until = time.monotonic() + PLACEHOLDER_TTL_S
                return Card(body, problem.max_age_s, problem.code, fresh_until)

            try:
                return await self._render_once((problem.code, tried, png), by, subject, render)
            except (PoolFull, RenderFailed):
                continue
        return Card(BUSY_PNG if png else BUSY_SVG, RETRY_MAX_AGE_S, problem.code)

    async def _submit(self, job: RenderJob) -> bytes:
        result = await self._pool.submit(job)
        if not isinstance(result, Rendered):
            raise RenderFailed
        return result.body

    def _ttl_s(self, model: Model, complete: bool) -> float:
        if not complete:
            return self._timings.incomplete_ttl_s
        return self._timings.ticking_ttl_s if model.ticks else self._timings.static_ttl_s

    def _over_limit(self, subject: str) -> bool:
        return self._render_counts.count(subject) > self._timings.renders_per_window


def _retried_soon(card: Card, fresh_until: float = 0.0) -> Card:
    """The card, with a short lifetime at proxies: a better one will soon be available."""
    return msgspec.structs.replace(card, max_age_s=RETRY_MAX_AGE_S, fresh_until=fresh_until)


def _content(
    user: UserView, options: CardOptions, png: bool, kind: PictureKind
) -> tuple[Model, tuple[ImageRequest, ...]]:
    """What the picture shows, and the images that it needs."""
    profile = decoded(_decode_profile, user.profile)
    presence = decoded(_decode_presence, user.presence)
    if png:
        options = msgspec.structs.replace(options, animated=False)
    model: Model
    if kind == "card":
        model, requests = card_model.build(profile, presence, options)
    else:
        kept, now_ms = _kept_song(user.history), time.time_ns() // 1_000_000
        model, requests = now_playing.build(profile, presence, options, kept, now_ms)
    return model, tuple(requests)


def _kept_song(stored: bytes) -> KeptSong | None:
    """None as well where other software has written."""
    try:
        return _decode_song(stored) if stored else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def parse_user_id(text: str) -> int:
    """Raises InvalidUserId."""
    user_id = snowflake.parse(text)
    if user_id is None:
        raise InvalidUserId(snowflake.problem(text))
    return user_id
