"""Renders a raw presence event as the gateway does: sanitize, merge, normalize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.gateway.normalize import normalize, sanitize
from services.gateway.state.user_cache import UserCache, merge_presence
from shared.discord.cdn import Cdn

NAMED = {"username": "somebody", "discriminator": "0"}


def render(event: Mapping[str, Any], icons: normalize.IconHashes | None = None) -> dict[str, Any]:
    """`{"profile", "presence"}` of a user of whom only this event is known."""
    user = {**NAMED, **sanitize.user(event["user"])}
    cached = UserCache().add(int(user["id"]), user)
    assert cached is not None
    merge_presence(cached, 1, event)
    objects = msgspec.json.decode(cached.discord())
    shown = {
        "profile": normalize.profile(objects["user"], objects, Cdn()),
        "presence": normalize.presence(objects, Cdn(), icons or {}),
    }
    rendered: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shown))
    return rendered
