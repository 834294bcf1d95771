"""The routes that answer with pictures, described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.api.badges import ShieldsBadge
from services.api.endpoints.avatar import AVATAR_SIZES_PX
from services.api.openapi.operation import (
    IF_NONE_MATCH,
    OF_A_USER,
    USER_ID,
    Content,
    Operation,
    Parameter,
    Reply,
)
from shared.http.errors import InvalidSize

_SVG: Final = "image/svg+xml"
_PNG: Final = "image/png"

# Whatever stands there, a picture comes, and it says what is wrong.
_ANYBODY: Final = Parameter(
    name="user_id",
    place="path",
    text=f"{USER_ID.text} Of anything else there is a picture that says what is wrong.",
    schema={"type": "string"},
    example=USER_ID.example,
    required=True,
)

_LOOK: Final[Mapping[str, str]] = {
    "theme": "`dark` (the default), `light` or `auto`: what the reader's system prefers.",
    "bg": "The background: six or three hex digits, or `transparent`.",
    "borderRadius": "Of the corners, in pixels: 0 to 60.",
    "width": "In pixels: 300 to 900.",
    "accent": "The colour of glow and bars: hex digits.",
    "animated": "`false`: everything stands still.",
    "idleMessage": "What is said when nothing is done.",
    "showDisplayName": "`false`: the user name alone.",
    "nameplate": "`true`: the nameplate behind the name.",
    "hideStatus": "`true`: without the custom status.",
    "hideTimestamp": "`true`: without times and bars.",
    "hideBadges": "`true`: without badges.",
    "hideProfile": "`true`: the activity alone.",
    "hideActivity": "`true`, or `whenNotUsed`: while nothing is done.",
    "hideSpotify": "`true`: never Spotify.",
    "hideTag": "`true`: without the server tag.",
    "hideDecoration": "`true`: without the avatar's decoration.",
    "ignoreAppId": "Ids of applications, separated by commas.",
}

_TO_LOOK: Final = tuple(
    Parameter(name=name, place="query", text=text, schema={"type": "string"})
    for name, text in _LOOK.items()
)

_OF_A_BADGE: Final = tuple(
    Parameter(name=name, place="query", text=text, schema={"type": "string"})
    for name, text in {
        "show": "`status` (the default), `activity`, `spotify` or `custom`.",
        "label": "The left half; empty: there is none. `discord` by default.",
        "style": "`flat` (the default), `flat-square` or `for-the-badge`; for shields.io also "
        "`plastic` and `social`.",
        "color": "Of the right half: six hex digits.",
    }.items()
)

_SIZE: Final = Parameter(
    name="size",
    place="query",
    text="Pixels; 1024 by default.",
    schema={"type": "integer", "enum": list(AVATAR_SIZES_PX)},
)


def _kept(text: str, content: Content, *headers: str) -> dict[int, Reply]:
    names = ("ETag", "Cache-Control", *headers)
    return {
        200: Reply(text=text, contents=(content,), headers=names),
        304: Reply(text="The client has this answer already.", headers=names),
    }


def _picture(media: str) -> Content:
    return Content(media=media, schema={"type": "string", "contentMediaType": media})


def _card(kind: str, name: str, media: str, summary: str) -> Operation:
    return Operation(
        path=f"/card/{{user_id}}.{kind}",
        name=name,
        tag="Pictures",
        summary=summary,
        text="There is a picture in any case, below 1 MB: it says what is wrong, and "
        "`X-Grux-Problem` does. A parameter whose value cannot be used counts as not given.",
        parameters=(_ANYBODY, *_TO_LOOK, IF_NONE_MATCH),
        replies=_kept("The card.", _picture(media), "X-Grux-Problem", "X-Grux-Unusable"),
        problems=(404,),
    )


def _avatar(ending: str, name: str, summary: str) -> Operation:
    return Operation(
        path=f"/avatar/{{user_id}}{ending}",
        name=name,
        tag="Pictures",
        summary=summary,
        parameters=(USER_ID, _SIZE),
        replies={
            302: Reply(
                text="Where the avatar of the moment is.", headers=("Location", "Cache-Control")
            )
        },
        problems=(InvalidSize, *OF_A_USER),
    )


PICTURES: Final = (
    _card("svg", "getCard", _SVG, "A card for a README"),
    _card("png", "getCardAsPng", _PNG, "A card for a forum"),
    Operation(
        path="/badge/{user_id}.svg",
        name="getBadge",
        tag="Pictures",
        summary="A badge",
        text="There is a picture in any case; what is wrong stands in it and in `X-Grux-Problem`.",
        parameters=(_ANYBODY, *_OF_A_BADGE, IF_NONE_MATCH),
        replies=_kept("The badge.", _picture(_SVG), "X-Grux-Problem"),
        problems=(404,),
    ),
    Operation(
        path="/badge/{user_id}.json",
        name="getBadgeForShields",
        tag="Pictures",
        summary="A badge for shields.io to draw",
        text="shields.io, Endpoint Badge.",
        parameters=(USER_ID, *_OF_A_BADGE, IF_NONE_MATCH),
        replies=_kept(
            "What the badge says.",
            Content(
                schema=ShieldsBadge,
                examples={
                    "Online": {
                        "schemaVersion": 1,
                        "label": "discord",
                        "message": "online",
                        "color": "23a55a",
                        "style": "flat",
                        "isError": False,
                        "cacheSeconds": 30,
                    }
                },
            ),
        ),
        problems=OF_A_USER,
    ),
    _avatar("", "getAvatar", "The avatar"),
    _avatar(".png", "getAvatarAsPng", "The avatar as PNG"),
    _avatar(".webp", "getAvatarAsWebp", "The avatar as WebP, in motion if it moves"),
    _avatar(".gif", "getAvatarAsGif", "The avatar as GIF if it moves, else as PNG"),
)
