"""GET /badge/:id.json for shields.io to draw, and GET /badge/:id.svg drawn here.

shields.io, Endpoint Badge: schemaVersion, label, message, color, style, isError, cacheSeconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec
from cachetools import LRUCache
from msgspec import Meta, Struct
from starlette.requests import Request

from services.cards.card_service import parse_user_id
from services.cards.fair_share import FairShare
from services.cards.problems import PROBLEMS
from services.cards.render_jobs import DrawBadge, Rendered
from services.cards.render_pool import PoolFull, RenderFailed, RenderPool
from services.cards.texts import DEFAULT_LANGUAGE, TEXTS, BadgeTexts, language_of
from shared.http.errors import InvalidUserId, UserNotMonitored
from shared.http.responses import JSON, SVG, RawResponse, image_response, parameters_of
from shared.model.snapshot import Presence
from shared.profiles.user_reader import UserReader
from shared.redis.store import StoreUnavailable, decoded

DEFAULT_LABEL: Final = "discord"
MAX_TEXT_CHARS: Final = 80  # of the label and of the message
BADGE_CACHE_ENTRIES: Final = 500
BADGE_MAX_AGE_S: Final = 30

_DRAWN_STYLES: Final = ("flat", "flat-square", "for-the-badge")
_STYLES: Final = (*_DRAWN_STYLES, "plastic", "social")
_COLOR: Final = re.compile(r"#?([0-9a-fA-F]{6})", re.ASCII)
_STATUS_COLORS: Final = {
    "online": "23a55a",
    "idle": "f0b232",
    "dnd": "f23f43",
    "invisible": "80848e",
}
_SPOTIFY_COLOR: Final = "1db954"
_ACTIVITY_COLOR: Final = "5865f2"
_PROBLEM_COLOR: Final = "9f9f9f"
_decode_presence = msgspec.json.Decoder(Presence).decode


class ShieldsBadge(Struct, frozen=True, rename="camel"):
    """What shields.io asks for."""

    schema_version: Annotated[int, Meta(description="1, of shields.io's own schema.")]
    label: Annotated[str, Meta(description="The left half; empty: there is none.")]
    message: Annotated[str, Meta(description="The right half.")]
    color: Annotated[str, Meta(description="Of the right half: six hex digits.")]
    style: Annotated[str, Meta(description="One of shields.io's.")]
    is_error: Annotated[bool, Meta(description="Errors come as such, so never.")] = False
    cache_seconds: Annotated[int, Meta(description="For which it may be kept.")] = BADGE_MAX_AGE_S


class BadgeEndpoints:
    """Keeps the badges that it has drawn: equal texts make equal badges."""

    def __init__(
        self,
        users: UserReader,
        pool: RenderPool,
        shares: FairShare,
        requester_of: Callable[[Request], str],
    ) -> None:
        """`requester_of`: the address that has a share of the pool."""
        self._users = users
        self._pool = pool
        self._shares = shares
        self._requester_of = requester_of
        self._cache: LRUCache[DrawBadge, bytes] = LRUCache(BADGE_CACHE_ENTRIES)

    async def json(self, request: Request) -> RawResponse:
        """What shields.io needs. Raises as shared.http.errors.ERRORS lists."""
        badge = await self._badge(request)
        return image_response(msgspec.json.encode(badge), JSON, request)

    async def svg(self, request: Request) -> RawResponse:
        """Always an image; it explains what is wrong."""
        problem: str | None = None
        max_age_s = BADGE_MAX_AGE_S
        try:
            badge = await self._badge(request)
        except (InvalidUserId, UserNotMonitored, StoreUnavailable) as error:
            problem, max_age_s = PROBLEMS[type(error)].code, PROBLEMS[type(error)].max_age_s
            parameters = parameters_of(request)
            message = _texts_of(parameters).problems[problem]
            badge = _with_parameters(parameters, message, _PROBLEM_COLOR)
        body = await self._render(badge, self._requester_of(request))
        if body is None:
            busy = PROBLEMS[PoolFull]
            body, problem, max_age_s = _BUSY_SVG, problem or busy.code, busy.max_age_s
        return image_response(body, SVG, request, max_age=max_age_s, problem=problem)

    async def _badge(self, request: Request) -> ShieldsBadge:
        read = await self._users.read(parse_user_id(request.path_params["user_id"]))
        presence = decoded(_decode_presence, read.snapshot.presence)
        parameters = parameters_of(request)
        show = parameters.get("show", "status")
        message, color = message_and_color(presence, show, _texts_of(parameters))
        return _with_parameters(parameters, message, color)

    async def _render(self, badge: ShieldsBadge, requester: str) -> bytes | None:
        """None: it cannot be drawn at the moment."""
        style = badge.style if badge.style in _DRAWN_STYLES else "flat"
        job = DrawBadge(badge.label, badge.message, f"#{badge.color}", style)
        cached = self._cache.get(job)
        if cached is not None:
            return cached
        try:
            async with self._shares.turn(requester):
                result = await self._pool.submit(job)
        except (PoolFull, RenderFailed):
            return None
        if not isinstance(result, Rendered):
            return None
        self._cache[job] = result.body
        return result.body


def message_and_color(presence: Presence, show: str, texts: BadgeTexts) -> tuple[str, str]:
    """Falls back to the status where there is nothing of the kind that `show` names."""
    status = getattr(texts, presence.status), _STATUS_COLORS[presence.status]
    song, heard, custom = presence.spotify, presence.listening, presence.custom_status
    if show == "spotify" and song is not None and song.song:
        return _song(song.song, song.artist, texts), _SPOTIFY_COLOR
    if show == "listening" and heard is not None and heard.song:
        color = _SPOTIFY_COLOR if song is not None else _ACTIVITY_COLOR
        return _song(heard.song, heard.artist, texts), color
    if show == "custom" and custom is not None:
        emoji = custom.emoji.name if custom.emoji and not custom.emoji.id else None
        text = " ".join(part for part in (emoji, custom.text) if part)
        return (text[:MAX_TEXT_CHARS], status[1]) if text else status
    if show == "activity":
        for activity in presence.activity:
            if activity.name:
                verb = getattr(texts, activity.type.lower()) if activity.type else "{name}"
                return verb.format(name=activity.name)[:MAX_TEXT_CHARS], _ACTIVITY_COLOR
        if song is not None and song.song:
            return texts.listening.format(name=song.song)[:MAX_TEXT_CHARS], _SPOTIFY_COLOR
    return status


def _song(song: str, artist: str | None, texts: BadgeTexts) -> str:
    text = texts.song.format(song=song, artist=artist) if artist else song
    return text[:MAX_TEXT_CHARS]


def _texts_of(query: Mapping[str, str]) -> BadgeTexts:
    return TEXTS[language_of(query.get("lang", "").strip()) or DEFAULT_LANGUAGE].badge


def _with_parameters(query: Mapping[str, str], message: str, color: str) -> ShieldsBadge:
    """Applies the parameters `label`, `style` and `color` where their values are valid."""
    chosen = _COLOR.fullmatch(query.get("color", ""))
    style = query.get("style", "flat")
    return ShieldsBadge(
        1,
        query.get("label", DEFAULT_LABEL)[:MAX_TEXT_CHARS],
        message,
        chosen[1].lower() if chosen else color,
        style if style in _STYLES else "flat",
    )


_BUSY_SVG: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20" role="img"'
    b' aria-label="busy"><title>busy</title><rect width="60" height="20" rx="3" fill="#555"/>'
    b'<circle cx="20" cy="10" r="2" fill="#fff"/><circle cx="30" cy="10" r="2" fill="#fff"/>'
    b'<circle cx="40" cy="10" r="2" fill="#fff"/></svg>'
)
"""Shown when nothing can be rendered."""
