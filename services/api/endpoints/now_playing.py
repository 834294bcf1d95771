"""GET /now-playing/:id as JSON and as text. Its pictures are drawn by the cards service."""

from __future__ import annotations

import unicodedata
from time import monotonic
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints.presence import user_id_of
from services.api.middleware.response_cache import NOW_PLAYING_PATH, TEXT_SUFFIX, ResponseCache
from shared.http.responses import TEXT, CacheableResponse, RawResponse, cacheable, envelope
from shared.model.history import LastPlayed
from shared.model.snapshot import Listening
from shared.profiles.user_reader import UserReader
from shared.redis.durable import DurableUnavailable
from shared.redis.history import HistoryStore
from shared.redis.store import decoded

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that break a line or change how the text around is shown."""

_JOINERS: Final = frozenset("\u200c\u200d")  # parts of words and of emoji


class _Heard(Struct):
    """What is read of a presence. An earlier version has written none."""

    listening: Listening | None = None


LAST_PLAYED_TTL_S: Final = 0.5
"""The durable Redis reports no changes, and what a person hides has to be gone in a second."""

NEVER_PLAYED_TTL_S: Final = 5.0  # without a history nothing has to go

_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(_Heard).decode


class NowPlayingEndpoints:
    """Each endpoint may raise the exceptions that shared.http.errors turns into responses."""

    def __init__(self, users: UserReader, history: HistoryStore, cache: ResponseCache) -> None:
        self._users = users
        self._history = history
        self._cache = cache

    def routes(self) -> list[Route]:
        return [
            Route(f"{NOW_PLAYING_PATH}{{user_id}}{TEXT_SUFFIX}", self.text),
            Route(f"{NOW_PLAYING_PATH}{{user_id}}", self.json),
        ]

    async def json(self, request: Request) -> RawResponse:
        """`data`: `{"listening", "last_played"}`"""
        user_id = user_id_of(request)
        with self._cache.loading(user_id) as load:
            heard, version = await self._heard(user_id)
            last = await self._last_played(user_id)
            body = b'{"listening":%b,"last_played":%b}' % (_encode(heard), _encode(last))
            response = cacheable(envelope(body))
            until = monotonic() + (LAST_PLAYED_TTL_S if last else NEVER_PLAYED_TTL_S)
            load.store(NOW_PLAYING_PATH, version, response, until=until)
        return response.answer(request.scope["headers"])

    async def text(self, request: Request) -> RawResponse:
        """The song in one line; nothing while nothing plays."""
        user_id = user_id_of(request)
        with self._cache.loading(user_id) as load:
            heard, version = await self._heard(user_id)
            response = _text(heard)
            load.store(NOW_PLAYING_PATH, version, response, suffix=TEXT_SUFFIX)
        return response.answer(request.scope["headers"])

    async def _heard(self, user_id: int) -> tuple[Listening | None, int]:
        """What the user listens to, and its version. Raises as UserReader.read."""
        snapshot = (await self._users.read(user_id)).snapshot
        return decoded(_decode, snapshot.presence).listening, snapshot.version

    async def _last_played(self, user_id: int) -> LastPlayed | None:
        """None as well while the durable Redis does not answer: the song itself is known."""
        try:
            return (await self._history.of_user(user_id)).last_played
        except DurableUnavailable:
            return None


def _text(heard: Listening | None) -> CacheableResponse:
    return cacheable(line_of(heard).encode() if heard else b"", kind=TEXT)


def line_of(heard: Listening) -> str:
    """`Song by Artist`, without characters that would end the line or reverse it."""
    song = _plain(heard.song) or _plain(heard.album) or _plain(heard.app)
    artist = _plain(heard.artist)
    return f"{song} by {artist}" if song and artist else song or artist


def _plain(text: str | None) -> str:
    shown = (
        " " if char not in _JOINERS and unicodedata.category(char) in _UNSEEN else char
        for char in text or ""
    )
    return " ".join("".join(shown).split())
