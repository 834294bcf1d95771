"""GET /badge/:id.json for shields.io, and /badge/:id.svg drawn here.

shields.io, Endpoint Badge: schemaVersion, label, message, color, style, isError, cacheSeconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from cachetools import LRUCache
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.routing import Route

from services.api.card.draughtsmen import Draughtsmen, NotDrawn, TooBusy
from services.api.card.jobs import DrawBadge, Drawn
from services.api.endpoints.presence import user_id_of
from shared.http.errors import InvalidUserId, UserNotMonitored
from shared.http.responses import JSON, SVG, RawResponse, image_response
from shared.model.snapshot import Presence
from shared.profiles.user_reader import UserReader
from shared.redis.store import StoreUnavailable

LABEL: Final = "discord"
LONGEST: Final = 80  # characters of the label and of the message
CACHE_SECONDS: Final = 30
KEPT: Final = 500  # drawn badges in memory

_DRAWN_STYLES: Final = ("flat", "flat-square", "for-the-badge")
_STYLES: Final = (*_DRAWN_STYLES, "plastic", "social")
_COLOUR: Final = re.compile(r"#?([0-9a-fA-F]{6})", re.ASCII)
_COLOURS: Final = {
    "online": "23a55a",
    "idle": "f0b232",
    "dnd": "f23f43",
    "invisible": "80848e",
}
_SPOTIFY: Final = "1db954"
_BLURPLE: Final = "5865f2"
_SAID: Final = {"dnd": "do not disturb", "invisible": "offline"}
_presence = msgspec.json.Decoder(Presence).decode


class ShieldsBadge(Struct, frozen=True, rename="camel"):
    """What shields.io asks for."""

    schema_version: Annotated[int, Meta(description="1, of shields.io's own schema.")]
    label: Annotated[str, Meta(description="The left half; empty: there is none.")]
    message: Annotated[str, Meta(description="The right half.")]
    color: Annotated[str, Meta(description="Of the right half: six hex digits.")]
    style: Annotated[str, Meta(description="One of shields.io's.")]
    is_error: Annotated[bool, Meta(description="Errors come as such, so never.")] = False
    cache_seconds: Annotated[int, Meta(description="For which it may be kept.")] = CACHE_SECONDS


class BadgeEndpoints:
    def __init__(self, people: UserReader, draughtsmen: Draughtsmen) -> None:
        self._people = people
        self._draughtsmen = draughtsmen
        self._kept: LRUCache[DrawBadge, bytes] = LRUCache(KEPT)

    def routes(self) -> list[Route]:
        return [
            Route("/badge/{user_id}.json", self.json),
            Route("/badge/{user_id}.svg", self.svg),
        ]

    async def json(self, request: Request) -> RawResponse:
        """The badge as shields.io draws it. Raises what errors.ERRORS lists."""
        badge = await self._badge(request)
        return image_response(msgspec.json.encode(badge), JSON, request)

    async def svg(self, request: Request) -> RawResponse:
        """A picture, whatever happens."""
        problem: str | None = None
        try:
            badge = await self._badge(request)
        except (InvalidUserId, UserNotMonitored, StoreUnavailable) as error:
            problem, said = _PROBLEMS[type(error)]
            badge = _made(request.query_params, said, "9f9f9f")
        body = await self._drawn(badge)
        return image_response(body, SVG, request, problem=problem)

    async def _badge(self, request: Request) -> ShieldsBadge:
        read = await self._people.read(user_id_of(request))
        presence = _presence(read.snapshot.presence)
        message, colour = said(presence, request.query_params.get("show", "status"))
        return _made(request.query_params, message, colour)

    async def _drawn(self, badge: ShieldsBadge) -> bytes:
        style = badge.style if badge.style in _DRAWN_STYLES else "flat"
        job = DrawBadge(badge.label, badge.message, f"#{badge.color}", style)
        kept = self._kept.get(job)
        if kept is not None:
            return kept
        try:
            result = await self._draughtsmen.do(job)
        except (TooBusy, NotDrawn):
            return _BUSY
        if not isinstance(result, Drawn):
            return _BUSY
        self._kept[job] = result.body
        return result.body


def said(presence: Presence, show: str) -> tuple[str, str]:
    """Message and colour. What is not there to be shown gives way to the status."""
    status = _SAID.get(presence.status, presence.status), _COLOURS[presence.status]
    song, custom = presence.spotify, presence.custom_status
    if show == "spotify" and song is not None and song.song:
        by = f" by {song.artist}" if song.artist else ""
        return f"{song.song}{by}"[:LONGEST], _SPOTIFY
    if show == "custom" and custom is not None:
        emoji = custom.emoji.name if custom.emoji and not custom.emoji.id else None
        text = " ".join(part for part in (emoji, custom.text) if part)
        return (text[:LONGEST], status[1]) if text else status
    if show == "activity":
        for activity in presence.activity:
            if activity.name:
                verb = "listening to" if activity.type == "Listening" else activity.type or ""
                return f"{verb.lower()} {activity.name}".strip()[:LONGEST], _BLURPLE
        if song is not None and song.song:
            return f"listening to {song.song}"[:LONGEST], _SPOTIFY
    return status


def _made(query: Mapping[str, str], message: str, colour: str) -> ShieldsBadge:
    """With what the parameters `label`, `style` and `color` say, where they can be used."""
    asked = _COLOUR.fullmatch(query.get("color", ""))
    style = query.get("style", "flat")
    return ShieldsBadge(
        1,
        query.get("label", LABEL)[:LONGEST],
        message,
        asked[1].lower() if asked else colour,
        style if style in _STYLES else "flat",
    )


_PROBLEMS: Final[dict[type[Exception], tuple[str, str]]] = {
    InvalidUserId: ("invalid_user_id", "no Discord id"),
    UserNotMonitored: ("user_not_monitored", "not monitored"),
    StoreUnavailable: ("unavailable", "unavailable"),
}

_BUSY: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20" role="img"'
    b' aria-label="busy"><title>busy</title><rect width="60" height="20" rx="3" fill="#555"/>'
    b'<circle cx="20" cy="10" r="2" fill="#fff"/><circle cx="30" cy="10" r="2" fill="#fff"/>'
    b'<circle cx="40" cy="10" r="2" fill="#fff"/></svg>'
)
"""What is shown when nothing can be drawn."""
