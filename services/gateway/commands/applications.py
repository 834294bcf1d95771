"""What a user does now, so that they can choose which of it to hide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from services.gateway.state.user_cache import UserCache

MAX_NAME_CHARS = 80


class _Activity(Struct):
    application_id: Any = None
    name: Any = None


class _DiscordState(Struct):
    activities: list[_Activity] = []


_decode = msgspec.json.Decoder(_DiscordState).decode


def current_applications(users: UserCache, user_id: int) -> Mapping[str, str]:
    """Names by id. Empty if this process does not watch the user: in a direct message the command
    comes to the first shard, wherever the user's servers are."""
    cached = users.get(user_id)
    if cached is None:
        return {}
    return {
        one.application_id: str(one.name or one.application_id)[:MAX_NAME_CHARS]
        for one in _decode(cached.discord()).activities
        if isinstance(one.application_id, str)
    }
