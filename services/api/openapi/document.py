"""/openapi.json: OpenAPI 3.1.1, built once when the process starts.

Paths are written here and in the files beside it, from the building blocks in paths.py. Schemas
are generated from the structs in bodies.py and shared/model/snapshot.py, errors from
shared/http/errors.py.
"""

from __future__ import annotations

from typing import Final

from services.api.endpoints.avatar import AVATAR_SIZES_PX
from services.api.endpoints.oembed import OEmbed
from services.api.endpoints.presence import INFO
from services.api.openapi import (
    account_bodies,
    accounts,
    bodies,
    cards,
    embeds,
    events,
    lanyard,
    presence,
)
from services.api.openapi.paths import (
    HEADERS,
    HEADERS_ONLY,
    IF_NONE_MATCH,
    USER_ERRORS,
    USER_ID,
    answer,
    cacheable,
    content,
    optional,
    path,
    response,
)
from services.api.openapi.schemas import Json, schemas
from shared.http.errors import (
    DRAINING,
    InvalidSize,
)
from shared.redis.store import StoreUnavailable
from shared.version import VERSION

LICENSE: Final = {"name": "MIT", "identifier": "MIT"}

UNDESCRIBED: Final = frozenset(
    {
        *("/docs", "/docs/websocket", "/docs/{name}", "/docs/{folder}/{name}"),
        *("/llms.txt", "/privacy"),
        *("/overlay/{user_id}", "/embed/{user_id}", "/u/{user_id}"),
        *("/auth/login", "/auth/callback", "/auth/logout"),
        *("/me/key/delete", "/me/erase"),
    }
)
"""Routes for people, not for programs."""

_ABOUT: Final = """\
Live Discord presence for any website, over REST or a WebSocket.

Reading needs no key and no account, and any website may send requests (CORS is open). JSON answers
are in UTF-8 and say `success`, except those of /oembed and of badges. Ids are strings. A listed key
is always present, and null where its value is unknown. Keys may be added later; none is renamed,
retyped or removed.

To receive changes without polling, use the [WebSocket](./docs/websocket) or `/events`.
"""

_TAGS: Final = (
    {"name": "Presence", "description": "What users do now."},
    {"name": "Pictures", "description": "For places where no script runs."},
    {"name": lanyard.TAG, "description": "For Lanyard's clients, and for what users write."},
    {"name": accounts.TAG, "description": "What people decide about themselves."},
    {"name": "Service", "description": "What this service is, and whether it is healthy."},
    {"name": "Documents", "description": "For tools."},
    {"name": HEADERS_ONLY, "description": "HEAD works wherever GET does."},
)

_BODIES: Final = (
    account_bodies.AccountAnswer,
    account_bodies.AccountSettingsAnswer,
    account_bodies.JoinAnswer,
    account_bodies.NewKeyAnswer,
    bodies.ActivityAnswer,
    bodies.UserCheckAnswer,
    bodies.ErrorAnswer,
    bodies.FrontAnswer,
    bodies.HealthAnswer,
    bodies.HistoryAnswer,
    bodies.InvalidSettingsAnswer,
    bodies.NotMonitoredAnswer,
    bodies.NowPlayingAnswer,
    bodies.ReadyAnswer,
    bodies.UserAnswer,
    bodies.ManyUsersAnswer,
    OEmbed,
    lanyard.LanyardAnswer,
)

_FRONT_EXAMPLE: Final = {
    "info": INFO,
    "discord_invite": None,
    "monitored_user_count": 201,
    "version": VERSION,
}


def document(public_url: str = "") -> Json:
    """`public_url`: PUBLIC_URL; without it, clients use the address they got the document from."""
    return {
        "openapi": "3.1.1",
        "info": {"title": "Grux", "version": VERSION, "description": _ABOUT, "license": LICENSE},
        "servers": [{"url": url} for url in (public_url, "/") if url],
        "security": [],  # those that need any say so
        "tags": list(_TAGS),
        "paths": PATHS,
        "components": {
            "schemas": dict(sorted({**schemas(_BODIES), **cards.SCHEMAS}.items())),
            "headers": HEADERS,
            "securitySchemes": {**lanyard.SECURITY_SCHEMES, **accounts.SECURITY_SCHEMES},
        },
    }


def _avatar(operation_id: str, summary: str) -> Json:
    sizes = {"type": "integer", "enum": list(AVATAR_SIZES_PX)}
    redirect = response("The address of the current avatar.", headers=["Location", "Cache-Control"])
    return path(
        operation_id,
        "Pictures",
        summary,
        parameters=[USER_ID, optional("size", "In pixels; 1024 by default.", sizes)],
        responses={302: redirect},
        errors=(InvalidSize, *USER_ERRORS),
    )


def _document(operation_id: str, summary: str, description: str) -> Json:
    return path(
        operation_id,
        "Documents",
        summary,
        description,
        parameters=[IF_NONE_MATCH],
        responses=cacheable(f"{summary}.", content({"type": "object"}), "Vary"),
    )


PATHS: Final[Json] = {
    **presence.PATHS,
    **events.PATHS,
    **cards.PATHS,
    **lanyard.PATHS,
    **accounts.PATHS,
    "/avatar/{user_id}": _avatar("getAvatar", "The avatar"),
    "/avatar/{user_id}.png": _avatar("getAvatarAsPng", "The avatar as PNG"),
    "/avatar/{user_id}.webp": _avatar(
        "getAvatarAsWebp", "The avatar as WebP, animated if the avatar is"
    ),
    "/avatar/{user_id}.gif": _avatar(
        "getAvatarAsGif", "The avatar as GIF if it is animated, else as PNG"
    ),
    "/": path(
        "getFront",
        "Service",
        "What this service is",
        "JSON for a program; the page for a browser, which names `text/html` in `Accept`.",
        parameters=[IF_NONE_MATCH],
        responses=cacheable(
            "What this service is, and how many users it monitors.",
            {
                **answer(bodies.FrontAnswer, "No invite set", _FRONT_EXAMPLE),
                **content({"type": "string"}, media="text/html"),
            },
            "Vary",
        ),
        errors=(StoreUnavailable,),
    ),
    **embeds.PATHS,
    "/health": path(
        "getHealth",
        "Service",
        "Is the process healthy?",
        "200 as long as the process runs.",
        responses={
            200: response(
                "The process runs.",
                answer(
                    bodies.HealthAnswer,
                    "Well",
                    {"status": "ok", "redis": True, "gateway_silent_for": None, "version": VERSION},
                ),
                headers=["Cache-Control"],
            )
        },
    ),
    "/ready": path(
        "getReady",
        "Service",
        "Should a load balancer send requests?",
        responses={
            200: response(
                "Presence can be read.",
                answer(bodies.ReadyAnswer, "Ready", {"ready": True}),
                headers=["Cache-Control"],
            )
        },
        errors=(StoreUnavailable, DRAINING),
    ),
    "/openapi.json": _document("getOpenApi", "This document", "OpenAPI 3.1."),
    "/asyncapi.json": _document("getAsyncApi", "The document of the WebSocket", "AsyncAPI 3.0."),
}
