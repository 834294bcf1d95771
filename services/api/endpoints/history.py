"""GET /history/:id: what people who ask for it have kept of their past."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints.presence import user_id_of
from shared.http.errors import HistoryOff
from shared.http.responses import RawResponse, cacheable, envelope
from shared.model.history import History
from shared.model.snapshot import Status
from shared.profiles.user_reader import UserReader
from shared.redis.history import HistoryStore
from shared.redis.store import decoded

HISTORY_PATH: Final = "/history/"


class _SeenStatus(Struct):
    """What is read of a presence."""

    status: Status
    last_seen: int | UnsetType | None = UNSET


_decode: Final = msgspec.json.Decoder(_SeenStatus).decode


class HistoryEndpoints:
    """May raise the exceptions that shared.http.errors turns into responses."""

    def __init__(self, users: UserReader, history: HistoryStore) -> None:
        self._users = users
        self._history = history

    def routes(self) -> list[Route]:
        return [Route(f"{HISTORY_PATH}{{user_id}}", self.history)]

    async def history(self, request: Request) -> RawResponse:
        """`data`: `{"last_seen", "recent"}`"""
        user_id = user_id_of(request)
        snapshot = (await self._users.read(user_id)).snapshot
        kept = await self._history.of_user(user_id)
        if kept.level == "off":
            raise HistoryOff
        shown = decoded(_decode, snapshot.presence)
        body = msgspec.json.encode({"last_seen": _last_seen(shown, kept), "recent": kept.recent})
        return cacheable(envelope(body)).answer(request.scope["headers"])


def _last_seen(shown: _SeenStatus, kept: History) -> int | None:
    """The presence is some seconds newer than what is kept."""
    if shown.last_seen is not UNSET:
        return shown.last_seen
    return kept.last_seen if shown.status == "invisible" else None
