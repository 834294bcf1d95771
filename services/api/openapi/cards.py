"""The routes of cards and badges. They are another service's, below the same public address.

Everything here is plain data; tests compare it with what that service takes and sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.api.openapi.paths import (
    IF_NONE_MATCH,
    USER_ERRORS,
    USER_ID,
    cacheable,
    content,
    optional,
    path,
)
from services.api.openapi.schemas import REF, Json

_ANY_ID: Final = {
    **USER_ID,
    "description": f"{USER_ID['description']} For any other text there is a picture that says "
    "what is wrong.",
    "schema": {"type": "string"},
}

_CARD_PARAMETERS: Final = [
    optional("theme", "`dark` (the default), `light`, or `auto`: as the reader's system prefers."),
    optional(
        "bg",
        "The background: six or three hex digits, eight or four with opacity, or `transparent`; "
        "or a gradient: two to five colours, perhaps after an angle, such as `90,1e1b4b,7c3aed`.",
    ),
    optional("layout", "`full` (the default), `compact`, `minimal`: one row, or `wide`."),
    optional(
        "borderRadius",
        "Radius of the corners: pixels, 0 to 60, or a length of CSS (`1rem`, `50%`).",
    ),
    optional("width", "In pixels: 300 to 900."),
    optional("accent", "The colour of glow and bars: hex digits."),
    optional("animated", "`false`: nothing moves."),
    optional("animatedDecoration", "`false`: the avatar's decoration does not move."),
    optional("animatedNameplate", "`false`: the nameplate does not move."),
    optional("clanBackgroundColor", "The colour behind the server tag: hex digits."),
    optional("idleMessage", "The text that is shown when there is no activity."),
    optional("showDisplayName", "`false`: show only the user name."),
    optional("nameStyle", "`false`: the name is plain, whatever the user has chosen on Discord."),
    optional("gradient", "Two to five colours of the name, such as `ff5fa2-5b8cff`."),
    optional("showBanner", "`true`: show the profile's banner; `animated`: its animation too."),
    optional("nameplate", "`true`: show the nameplate behind the name."),
    optional("hideStatus", "`true`: hide the custom status."),
    optional("hideTimestamp", "`true`: hide times and bars."),
    optional("hideBadges", "`true`: hide badges."),
    optional("hideProfile", "`true`: show only the activity."),
    optional(
        "hideActivity", "`true`: hide the activity; `whenNotUsed`: hide it while there is none."
    ),
    optional("hideSpotify", "`true`: never show Spotify."),
    optional("hideTag", "`true`: hide the server tag."),
    optional("hideDecoration", "`true`: hide the avatar's decoration."),
    optional("ignoreAppId", "Application ids to ignore, separated by commas."),
    optional(
        "lang", "The language of the card's own words: `de`, `en`, `es`, `fr`, `ja`, `pt-BR`."
    ),
]

_NOW_PLAYING: Final = frozenset(
    {
        *("theme", "bg", "borderRadius", "width", "accent", "animated", "idleMessage"),
        *("hideTimestamp", "hideActivity", "hideSpotify", "ignoreAppId", "lang"),
    }
)
"""The parameters of a card that apply to the song alone."""

_BADGE_PARAMETERS: Final = [
    optional("show", "`status` (the default), `activity`, `listening`, `spotify` or `custom`."),
    optional("label", "The left half; empty: none. `discord` by default."),
    optional(
        "style",
        "`flat` (the default), `flat-square` or `for-the-badge`; for shields.io also `plastic` "
        "and `social`.",
    ),
    optional("color", "Colour of the right half: six hex digits."),
    optional(
        "lang",
        "The language of the right half: `de`, `en`, `es`, `fr`, `ja`, `pt-BR`. "
        "What people and programs write stays as it is.",
    ),
]

_BADGE: Final[dict[str, tuple[str, str, object]]] = {
    "schemaVersion": ("integer", "1, of shields.io's own schema.", 1),
    "label": ("string", "The left half; empty: none.", "discord"),
    "message": ("string", "The right half.", "online"),
    "color": ("string", "Of the right half: six hex digits.", "23a55a"),
    "style": ("string", "One of shields.io's styles.", "flat"),
    "isError": ("boolean", "Always false: errors are responses.", False),
    "cacheSeconds": ("integer", "How long it may be cached.", 30),
}
"""Each field's type, description and example."""

_BADGE_EXAMPLE: Final = {name: example for name, (_, _, example) in _BADGE.items()}

SCHEMAS: Final[Json] = {
    "ShieldsBadge": {
        "title": "ShieldsBadge",
        "description": "The body that shields.io expects.",
        "type": "object",
        "properties": {
            name: {"description": description, "type": kind}
            for name, (kind, description, _) in _BADGE.items()
        },
        "required": list(_BADGE),
    }
}


def _picture(
    operation_id: str,
    media: str,
    summary: str,
    description: str,
    parameters: Iterable[Json],
    *headers: str,
) -> Json:
    # `format` is what generators of clients read: without it they decode a picture as text.
    image = content({"type": "string", "format": "binary", "contentMediaType": media}, media=media)
    return path(
        operation_id,
        "Pictures",
        summary,
        description,
        parameters=[_ANY_ID, *parameters, IF_NONE_MATCH],
        responses=cacheable("The picture.", image, "X-Grux-Problem", *headers),
        errors=(404,),
    )


def _card(operation_id: str, media: str, summary: str) -> Json:
    about = (
        "The response is always a picture, below 1 MB. If something is wrong, the picture and "
        "`X-Grux-Problem` say what. A parameter whose value cannot be used is ignored."
    )
    return _picture(operation_id, media, summary, about, _CARD_PARAMETERS, "X-Grux-Unusable")


def _now_playing(operation_id: str, media: str, summary: str) -> Json:
    about = (
        "As a card, without the person. While nothing plays, the picture says so. Of a user who "
        "keeps a history it shows the last song, unless there is an `idleMessage`."
    )
    parameters = [one for one in _CARD_PARAMETERS if one["name"] in _NOW_PLAYING]
    return _picture(operation_id, media, summary, about, parameters, "X-Grux-Unusable")


PATHS: Final[Json] = {
    "/card/{user_id}.svg": _card("getCard", "image/svg+xml", "A card for a README"),
    "/card/{user_id}.png": _card("getCardAsPng", "image/png", "A card for a forum"),
    "/now-playing/{user_id}.svg": _now_playing(
        "getNowPlayingPicture", "image/svg+xml", "What a user listens to, as a picture"
    ),
    "/now-playing/{user_id}.png": _now_playing(
        "getNowPlayingPictureAsPng", "image/png", "What a user listens to, as a picture for a forum"
    ),
    "/badge/{user_id}.svg": _picture(
        "getBadge",
        "image/svg+xml",
        "A badge",
        "The response is always a picture. If something is wrong, the picture and "
        "`X-Grux-Problem` say what.",
        _BADGE_PARAMETERS,
    ),
    "/badge/{user_id}.json": path(
        "getBadgeForShields",
        "Pictures",
        "A badge for shields.io to draw",
        "For shields.io's Endpoint Badge.",
        parameters=[USER_ID, *_BADGE_PARAMETERS, IF_NONE_MATCH],
        responses=cacheable(
            "The content of the badge.",
            content({"$ref": REF.format(name="ShieldsBadge")}, {"Online": _BADGE_EXAMPLE}),
        ),
        errors=USER_ERRORS,
    ),
}
