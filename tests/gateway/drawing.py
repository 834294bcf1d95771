"""A raw presence event to what the API shows, the way the gateway goes: clean, merge, normalise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.gateway.normalize import normalize, sanitize
from services.gateway.state.user_cache import UserCache, merge_presence
from shared.discord.cdn import Cdn

NAMED = {"username": "somebody", "discriminator": "0"}


def draw(event: Mapping[str, Any], icons: normalize.Icons | None = None) -> dict[str, Any]:
    """`{"profile", "presence"}` of somebody of whom only this event is known."""
    user = {**NAMED, **sanitize.user(event["user"])}
    people = UserCache()
    person = people.add(int(user["id"]), user)
    assert person is not None
    merge_presence(person, event)
    objects = msgspec.json.decode(person.discord())
    shown = {
        "profile": normalize.profile(objects["user"], objects, Cdn()),
        "presence": normalize.presence(objects, Cdn(), icons or {}),
    }
    drawn: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shown))
    return drawn
