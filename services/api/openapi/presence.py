"""The routes that show what users do now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from services.api.endpoints.check import not_an_id
from services.api.endpoints.many_users import MAX_USERS
from services.api.openapi import bodies
from services.api.openapi.paths import (
    IF_NONE_MATCH,
    USER_ERRORS,
    USER_ID,
    answer,
    cacheable,
    content,
    path,
)
from services.api.openapi.schemas import Json, ref
from shared.http.errors import DURABLE_UNREAD, HistoryOff, InvalidUserId
from shared.redis.store import SnapshotDamaged, StoreUnavailable

_USER_EXAMPLE: Final = msgspec.json.decode(
    (Path(__file__).parent / "examples/user.json").read_bytes()
)
_SONG_EXAMPLE: Final[Json] = {
    "app": "TIDAL Hi-Fi",
    "application_id": "833617820704440341",
    "song": "Harvest Moon",
    "artist": "Some Band",
    "album": "An Album",
    "album_image": "https://media.discordapp.net/external/rqJdUc_gEj_38ku0G14If/https/example.org/cover.jpg",
    "link": None,
    "timestamps": {"start": 1784053199000, "end": 1784053400000},
    "created_at": 1784053200000,
}
_AWAY_EXAMPLE: Final[Json] = {
    "status": "idle",
    "spotify": None,
    "activity": [],
    "custom_status": None,
    "listening": None,
}
_HISTORY_EXAMPLE: Final[Json] = {
    "last_seen": None,
    "recent": [
        {
            "kind": "playing",
            "name": "Chess",
            "details": "Round 3",
            "state": "In a match",
            "image": None,
            "started_at": 1750865485922,
            "ended_at": None,
        }
    ],
}
_USERS_EXAMPLE: Final[Json] = {
    "users": {"1274150219482660897": _USER_EXAMPLE["data"]},
    "not_monitored": ["161092844126208001"],
}
_CHECK_EXAMPLE: Final[Json] = {
    "monitored": False,
    "findings": [
        {
            "code": "not_an_id",
            "message": not_an_id(f"<@{USER_ID['example']}>"),
        }
    ],
}
_IDS: Final[Json] = {
    "name": "ids",
    "in": "query",
    "description": f"Up to {MAX_USERS} Discord ids, separated by commas. May be repeated.",
    "required": True,
    "style": "form",
    "explode": False,
    "schema": {
        "type": "array",
        "items": USER_ID["schema"],
        "minItems": 1,
        "maxItems": MAX_USERS,
    },
    "example": [USER_ID["example"]],
}

PATHS: Final[Json] = {
    "/user/{user_id}": path(
        "getUser",
        "Presence",
        "Profile and presence",
        "Name, avatar, device, status and activities are live. What a bot cannot see comes from "
        "the operator's profile source, and may be some minutes old.",
        parameters=[USER_ID, IF_NONE_MATCH],
        responses=cacheable(
            "The user's profile and current presence.",
            content(ref(bodies.UserAnswer), {"Listening and coding": _USER_EXAMPLE}),
        ),
        errors=USER_ERRORS,
    ),
    "/users": path(
        "getUsers",
        "Presence",
        "Many users at once",
        "Each user counts as one request of your address.",
        parameters=[_IDS, IF_NONE_MATCH],
        responses=cacheable(
            "The users, as `GET /user/{user_id}` answers them.",
            answer(bodies.ManyUsersAnswer, "One of two is monitored", _USERS_EXAMPLE),
        ),
        errors=(InvalidUserId, StoreUnavailable, SnapshotDamaged),
    ),
    "/check/{user_id}": path(
        "getCheck",
        "Presence",
        "Why a user is shown, or is not",
        "For people who look for themselves and find nothing. Anything may be in the place of the "
        "id, and is answered by what it seems to be. Nothing here tells a user who does not want "
        "to be shown from a stranger.",
        parameters=[{**USER_ID, "schema": {"type": "string"}}, IF_NONE_MATCH],
        responses=cacheable(
            "What was found; nothing where everything is shown.",
            answer(bodies.UserCheckAnswer, "A mention instead of an id", _CHECK_EXAMPLE),
        ),
        errors=(StoreUnavailable, SnapshotDamaged),
    ),
    "/activity/{user_id}": path(
        "getActivity",
        "Presence",
        "Presence without the profile",
        "Always live.",
        parameters=[USER_ID, IF_NONE_MATCH],
        responses=cacheable(
            "The user's current presence.", answer(bodies.ActivityAnswer, "Away", _AWAY_EXAMPLE)
        ),
        errors=USER_ERRORS,
    ),
    "/history/{user_id}": path(
        "getHistory",
        "Presence",
        "When a user was seen last, and what they did",
        "Only of people who ask for it. An activity that is still running comes first, and has no "
        "end. What is hidden is not recorded.",
        parameters=[USER_ID, IF_NONE_MATCH],
        responses=cacheable(
            "The history.", answer(bodies.HistoryAnswer, "Playing", _HISTORY_EXAMPLE)
        ),
        errors=(*USER_ERRORS, HistoryOff, DURABLE_UNREAD),
    ),
    "/now-playing/{user_id}": path(
        "getNowPlaying",
        "Presence",
        "What a user listens to",
        "Always live. `listening` is as in the presence, in a smaller answer. `last_played` is the "
        "last song of a user who keeps a history.",
        parameters=[USER_ID, IF_NONE_MATCH],
        responses=cacheable(
            "The song.",
            answer(
                bodies.NowPlayingAnswer,
                "A song",
                {"listening": _SONG_EXAMPLE, "last_played": None},
            ),
        ),
        errors=USER_ERRORS,
    ),
    "/now-playing/{user_id}.txt": path(
        "getNowPlayingAsText",
        "Presence",
        "What a user listens to, in one line",
        "`Song by Artist`. Empty while nothing plays.",
        parameters=[USER_ID, IF_NONE_MATCH],
        responses=cacheable(
            "The line.",
            content({"type": "string"}, {"A song": "90mph by JBEE, Sillage"}, media="text/plain"),
        ),
        errors=USER_ERRORS,
    ),
}
