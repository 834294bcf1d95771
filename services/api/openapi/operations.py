"""Every route, described. A test compares this list with the router's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from services.api.openapi import shapes
from services.api.openapi.operation import (
    HTML,
    IF_NONE_MATCH,
    OF_A_USER,
    USER_ID,
    Content,
    Operation,
    Reply,
    kept,
)
from services.api.openapi.pictures import PICTURES
from shared.http.errors import DRAINING
from shared.redis.store import StoreUnavailable

_EXAMPLES: Final = Path(__file__).parent / "examples"


def _example(name: str) -> Any:
    return msgspec.json.decode((_EXAMPLES / f"{name}.json").read_bytes())


UNDESCRIBED: Final = frozenset({"/docs", "/docs/websocket", "/docs/{name}"})
"""What the pages are made of, which is no API."""

OPERATIONS: Final = (
    Operation(
        path="/user/{user_id}",
        name="getUser",
        tag="Presence",
        summary="Profile and presence",
        text="Name, avatar, device, status and activities are live. What a bot cannot see comes "
        "from the operator's profile source, and may be some minutes old.",
        parameters=(USER_ID, IF_NONE_MATCH),
        replies=kept(
            "Who the user is and what they do now.",
            Content(schema=shapes.UserAnswer, examples={"Listening and coding": _example("user")}),
        ),
        problems=OF_A_USER,
    ),
    Operation(
        path="/activity/{user_id}",
        name="getActivity",
        tag="Presence",
        summary="Presence alone",
        text="Always live.",
        parameters=(USER_ID, IF_NONE_MATCH),
        replies=kept(
            "What the user does now.",
            Content(schema=shapes.ActivityAnswer, examples={"Away": _example("activity")}),
        ),
        problems=OF_A_USER,
    ),
    *PICTURES,
    Operation(
        path="/",
        name="getFront",
        tag="Service",
        summary="What this is",
        text="JSON for a program; the page for a browser, which names `text/html` in `Accept`.",
        parameters=(IF_NONE_MATCH,),
        replies=kept(
            "What this is, and how many users it monitors.",
            Content(schema=shapes.FrontAnswer, examples={"No invite set": _example("front")}),
            Content(media=HTML, schema={"type": "string"}),
            headers=("Vary",),
        ),
        problems=(StoreUnavailable,),
    ),
    Operation(
        path="/health",
        name="getHealth",
        tag="Service",
        summary="Is the process well?",
        text="200 as long as the process runs.",
        replies={
            200: Reply(
                text="The process runs.",
                contents=(
                    Content(schema=shapes.HealthAnswer, examples={"Well": _example("health")}),
                ),
                headers=("Cache-Control",),
            )
        },
    ),
    Operation(
        path="/ready",
        name="getReady",
        tag="Service",
        summary="Should traffic come?",
        replies={
            200: Reply(
                text="Presence can be read.",
                contents=(
                    Content(
                        schema=shapes.ReadyAnswer,
                        examples={"Ready": {"data": {"ready": True}, "success": True}},
                    ),
                ),
                headers=("Cache-Control",),
            )
        },
        problems=(StoreUnavailable, DRAINING),
    ),
    Operation(
        path="/openapi.json",
        name="getOpenApi",
        tag="Documents",
        summary="This document",
        text="OpenAPI 3.1.",
        parameters=(IF_NONE_MATCH,),
        replies=kept("This document.", Content(schema={"type": "object"}), headers=("Vary",)),
    ),
    Operation(
        path="/asyncapi.json",
        name="getAsyncApi",
        tag="Documents",
        summary="The WebSocket's document",
        text="AsyncAPI 3.0.",
        parameters=(IF_NONE_MATCH,),
        replies=kept(
            "The WebSocket's document.", Content(schema={"type": "object"}), headers=("Vary",)
        ),
    ),
)
