"""The paths of Lanyard's dialect: its clients use them, and this document tells new ones."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from services.api.endpoints.lanyard import QUICK_LINK_FORMATS
from services.api.openapi.paths import (
    IF_NONE_MATCH,
    USER_ID,
    cacheable,
    content,
    path,
    response,
    write,
)
from services.api.openapi.schemas import Json, ref
from shared.http.errors import (
    DURABLE_UNREAD,
    KvRateLimited,
    NoPermission,
    RequestBodyTimeout,
    RequestBodyTooLarge,
    UserNotMonitored,
)
from shared.model.key_value import KV_MAX_KEY_CHARS, KV_MAX_KEYS, InvalidKvValue, KvRejected
from shared.model.lanyard import LanyardPresence, LanyardSpotify, LanyardTimestamps
from shared.redis.durable import DurableUnavailable
from shared.redis.store import SnapshotDamaged, StoreUnavailable

TAG: Final = "Lanyard"

SECURITY_SCHEMES: Final[Json] = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The user's key, without a scheme in front of it.",
    }
}


class LanyardAnswer(Struct):
    """A user in Lanyard's form."""

    data: Annotated[LanyardPresence, Meta(description="The user.")]
    success: Literal[True]


_READ_ERRORS: Final = (UserNotMonitored, 404, StoreUnavailable, SnapshotDamaged)
_WRITE_ERRORS: Final = (
    *(NoPermission, KvRejected, InvalidKvValue, 404, RequestBodyTimeout, RequestBodyTooLarge),
    *(KvRateLimited, DurableUnavailable),
)

EXAMPLE: Final = LanyardPresence(
    discord_user={
        "id": "172002275412279296",
        "username": "tatsu",
        "discriminator": "0",
        "global_name": "Tatsu",
        "avatar": None,
        "display_name": "Tatsu",
    },
    discord_status="idle",
    active_on_discord_web=False,
    active_on_discord_desktop=False,
    active_on_discord_mobile=True,
    active_on_discord_embedded=False,
    active_on_discord_vr=False,
    listening_to_spotify=True,
    spotify=LanyardSpotify(
        track_id="4cOdK2wGLETKBW3PvgPWqT",
        song="A Song",
        artist="One; Two",
        album="An Album",
        album_art_url="https://i.scdn.co/image/ab67616d00001e02",
        timestamps=LanyardTimestamps(1790000000000, 1790000180000),
    ),
    activities=[{"id": "custom", "name": "Custom Status", "type": 4, "state": "away from keys"}],
    kv={"city": "Kyoto"},
)

_KEY: Final[Json] = {
    "name": "key",
    "in": "path",
    "description": "The pair's key.",
    "required": True,
    "schema": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_]+$",
        "maxLength": KV_MAX_KEY_CHARS,
    },
    "example": "city",
}
_OWNER: Final[Json] = {
    **USER_ID,
    "description": "The id of the key's owner, or `@me`.",
    "schema": {"type": "string", "pattern": "^(@me|[1-9][0-9]{14,18})$"},
    "example": "@me",
}
_PAIRS: Final[Json] = {"type": "object", "additionalProperties": {"type": "string"}}


def _user(operation_id: str, summary: str, description: str, *parameters: Json, key: bool) -> Json:
    shown = {"A song": {"data": msgspec.to_builtins(EXAMPLE), "success": True}}
    return path(
        operation_id,
        TAG,
        summary,
        description,
        parameters=[*parameters, IF_NONE_MATCH],
        responses=cacheable(
            "The user's current presence.",
            content(ref(LanyardAnswer), shown),
            *(["Vary"] if key else []),
        ),
        errors=(*_READ_ERRORS, *((NoPermission, DURABLE_UNREAD) if key else ())),
        security=[{"key": []}] if key else None,
    )


def _redirect(operation_id: str, summary: str, *parameters: Json, where: str) -> Json:
    return path(
        operation_id,
        TAG,
        summary,
        parameters=parameters,
        responses={302: response(where, headers=["Location", "Cache-Control"])},
        errors=_READ_ERRORS,
    )


PATHS: Final[Json] = {
    "/v1/users/@me": _user(
        "getLanyardMe", "The owner of a key", "The user whose key the request has.", key=True
    ),
    "/v1/users/{user_id}": _user(
        "getLanyardUser",
        "A user in Lanyard's form",
        "As Lanyard shows them; always live.",
        USER_ID,
        key=False,
    ),
    "/v1/users/{user_id}/kv": {
        "parameters": [_OWNER],
        "patch": write(
            "patchKv",
            TAG,
            "Write several pairs",
            "All of them, or none. Other pairs stay.",
            body=content(_PAIRS, {"Two pairs": {"city": "Kyoto", "mood": "calm"}}),
            security=[{"key": []}],
            errors=_WRITE_ERRORS,
        ),
    },
    "/v1/users/{user_id}/kv/{key}": {
        "parameters": [_OWNER, _KEY],
        "put": write(
            "putKv",
            TAG,
            "Write one pair",
            f"The body is the value, whatever its type says. A user has up to {KV_MAX_KEYS} pairs.",
            body=content({"type": "string"}, {"A value": "Kyoto"}, media="text/plain"),
            security=[{"key": []}],
            errors=_WRITE_ERRORS,
        ),
        "delete": write(
            "deleteKv",
            TAG,
            "Remove one pair",
            "One that is not there is no error.",
            security=[{"key": []}],
            errors=_WRITE_ERRORS,
        ),
    },
    **{
        f"/{{user_id}}.{kind}": _redirect(
            f"getQuickLinkAs{kind.capitalize()}",
            f"The avatar, as Lanyard links it: {kind}",
            USER_ID,
            where="The address of the current avatar.",
        )
        for kind in QUICK_LINK_FORMATS
    },
    "/discord": _redirect(
        "getInvite",
        "The operator's server",
        where="The invitation of DISCORD_INVITE; without one, 404.",
    ),
}
