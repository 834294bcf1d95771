"""The structs of a presence, as the API shows them.

Field order is the order in the answers. Spelling, types and order are the public contract
(docs/api.md): a field may be added at the end, none is renamed, retyped or dropped. Each
description is part of /openapi.json and /asyncapi.json; nothing is validated by it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Status = Literal["online", "idle", "dnd", "invisible"]
ActivityType = Literal["Playing", "Streaming", "Listening", "Watching", "Competing"]

Id = Annotated[str, Meta(extra_json_schema={"pattern": "^[0-9]{15,20}$"})]
"""Discord's id of anything."""

Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
Milliseconds = Annotated[int, Meta(description="Milliseconds since 1970.")]


class Badge(Struct, frozen=True):
    """A badge on the profile."""

    id: Annotated[str, Meta(description="Discord's name for it, such as `active_developer`.")]
    description: Annotated[str, Meta(description="The text that Discord shows.")]
    asset: Annotated[str, Meta(description="The icon's hash.")]
    badge_image: Annotated[Url, Meta(description="The icon.")]


class Clan(Struct, frozen=True):
    """The server tag that a user shows."""

    tag: Annotated[str, Meta(description="The text of the tag.")]
    identity_guild_id: Annotated[Id, Meta(description="The server whose tag it is.")]
    asset: Annotated[str | None, Meta(description="The hash of the tag's icon.")]
    clan_image: Annotated[Url | None, Meta(description="The tag's icon.")]


class ConnectedAccount(Struct, frozen=True):
    """An account on another platform that the user shows."""

    type: Annotated[str, Meta(description="The platform, such as `youtube` or `github`.")]
    name: Annotated[str | None, Meta(description="The user's name there.")]
    link: Annotated[
        Url | None, Meta(description="The page of the account; null where there is none.")
    ]


class Link(Struct, frozen=True):
    """A link that the user has put on their profile."""

    label: Annotated[str, Meta(description="What the link is, in the user's words.")]
    url: Annotated[Url, Meta(description="An address with `https` or `http`.")]


class DisplayNameStyles(Struct, frozen=True):
    """How Discord draws the display name: undocumented there, so any number may come."""

    font_id: Annotated[
        int | None, Meta(description="Discord's number of the font; 11 is the usual one.")
    ]
    effect_id: Annotated[
        int | None,
        Meta(description="1: one colour, 2: gradient, 3: neon, 4: toon, 5: pop, 6: glow."),
    ]
    colors: Annotated[list[int], Meta(description="0xRRGGBB as numbers, at most eight.")]


class Profile(Struct, frozen=True, kw_only=True):
    """The user's profile."""

    bot: Annotated[bool, Meta(description="Whether this is an application's account.")]
    device: Annotated[
        str | None,
        Meta(
            description="Where the user is: `desktop`, else `mobile`, else `web`, else `embedded` "
            "(a console), else `vr`; null when offline."
        ),
    ]  # the foremost of `devices`
    id: Annotated[Id, Meta(description="The user's Discord id.")]
    creation_date: Annotated[
        str,
        Meta(
            description="When the account was made: ISO 8601, UTC, milliseconds.",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    username: Annotated[str, Meta(description="The unique name.")]
    display_name: Annotated[str, Meta(description="The name that is shown, not a server nickname.")]
    link: Annotated[Url, Meta(description="The user's page on Discord.")]
    avatar: Annotated[str | None, Meta(description="The avatar's hash; null if there is none.")]
    avatar_image: Annotated[
        Url,
        Meta(description="PNG, 1024 px; Discord's default avatar if the user has none."),
    ]
    avatar_decoration_image: Annotated[Url | None, Meta(description="The frame around the avatar.")]
    nameplate_image: Annotated[Url | None, Meta(description="The nameplate, as a still image.")]
    badges: list[Badge]
    clan: Annotated[Clan | None, Meta(description="null if the user shows no server tag.")]
    connected_accounts: list[ConnectedAccount]
    devices: Annotated[
        dict[str, str],
        Meta(description="The status on each device; `{}` when offline."),
    ]  # Discord's client_status
    public_flags: Annotated[int, Meta(description="Discord's flags, the bits behind many badges.")]
    bio: Annotated[
        str | None,
        Meta(
            description="What the user has written for Grux, else what a profile source knows; "
            "null where there is neither."
        ),
    ] = None
    banner_image: Annotated[Url | None, Meta(description="null where no source knows it.")] = None
    accent_color: Annotated[
        int | None, Meta(description="0xRRGGBB as a number; null where no source knows it.")
    ] = None
    kv: Annotated[
        dict[str, str],
        Meta(description="What the user has written to the key-value store; `{}` when nothing."),
    ] = {}  # filled in by readers: shared.model.key_value.with_kv
    pronouns: Annotated[
        str | None,
        Meta(description="As the user has written them for Grux; null if they have not."),
    ] = None
    links: Annotated[
        list[Link], Meta(description="As the user has written them for Grux, at most five.")
    ] = []
    display_name_styles: Annotated[
        DisplayNameStyles | None,
        Meta(description="How Discord draws the display name; null where it is plain."),
    ] = None


class Timestamps(Struct, frozen=True):
    """Milliseconds since 1970; an end that is not known is left out."""

    start: Milliseconds | UnsetType = UNSET
    end: Milliseconds | UnsetType = UNSET


class Spotify(Struct, frozen=True, kw_only=True):
    """The track that Discord's own Spotify link reports."""

    type: Annotated[str, Meta(extra_json_schema={"const": "Listening to Spotify"})] = (
        "Listening to Spotify"
    )
    name: Annotated[str, Meta(extra_json_schema={"const": "Spotify"})] = "Spotify"
    song: Annotated[str | None, Meta(description="The track's title.")]
    artist: Annotated[str | None, Meta(description="Several are joined with `, `.")]
    album: Annotated[str | None, Meta(description="null for a local file.")]
    album_image: Annotated[Url | None, Meta(description="The cover; null for a local file.")]
    link: Annotated[Url | None, Meta(description="The track's page; null for a local file.")]
    timestamps: Timestamps
    created_at: Annotated[
        Milliseconds | None, Meta(description="When it began to be shown: milliseconds since 1970.")
    ]
    track_id: Annotated[str | None, Meta(description="Spotify's id; null for a local file.")]


class Party(Struct, frozen=True):
    """The party that the user is in."""

    id: Annotated[str | None, Meta(description="The same for all members of the party.")]
    size: Annotated[tuple[int, int] | None, Meta(description="The current and the maximum size.")]


class Activity(Struct, frozen=True, kw_only=True):
    """Any other activity."""

    type: Annotated[ActivityType | None, Meta(description="null for a kind that is not known yet.")]
    name: Annotated[str | None, Meta(description="The game, application or stream.")]
    state: Annotated[str | None, Meta(description="The third line that Discord shows.")]
    details: Annotated[str | None, Meta(description="The second line that Discord shows.")]
    largeText: Annotated[  # noqa: N815 (the contract's spelling)
        str | None, Meta(description="The caption of `largeImage`.")
    ]
    largeImage: Annotated[  # noqa: N815
        Url | None, Meta(description="An activity without art shows its application's icon.")
    ]
    smallText: Annotated[  # noqa: N815
        str | None, Meta(description="The caption of `smallImage`.")
    ]
    smallImage: Annotated[  # noqa: N815
        Url | None, Meta(description="The small picture in the corner of the large one.")
    ]
    timestamps: Timestamps
    created_at: Annotated[
        Milliseconds | None, Meta(description="When it began to be shown: milliseconds since 1970.")
    ]
    application_id: Annotated[Id | None, Meta(description="The application's id.")]
    url: Annotated[Url | None, Meta(description="Where the stream is.")]
    buttons: Annotated[
        list[str], Meta(description="Labels only: Discord does not give bots the links.")
    ]
    party: Party | None


class Emoji(Struct, frozen=True):
    """The emoji of a custom status."""

    name: Annotated[str | None, Meta(description="The character, or the custom emoji's name.")]
    id: Annotated[Id | None, Meta(description="null for standard emoji.")]
    animated: Annotated[bool, Meta(description="Whether the custom emoji is animated.")]
    image: Annotated[Url | None, Meta(description="null for standard emoji.")]


class CustomStatus(Struct, frozen=True):
    """What the user wrote below their name. `text` or `emoji` may be null, never both."""

    text: Annotated[str | None, Meta(description="The words.")]
    emoji: Emoji | None


class Listening(Struct, frozen=True, kw_only=True):
    """The music that any player reports, Spotify included."""

    app: Annotated[str | None, Meta(description="The player, as its activity is named.")]
    application_id: Annotated[Id | None, Meta(description="The id of the player's application.")]
    song: Annotated[str | None, Meta(description="The track's title.")]
    artist: Annotated[str | None, Meta(description="Several are joined as the player joins them.")]
    album: Annotated[str | None, Meta(description="null if the player does not report it.")]
    album_image: Annotated[
        Url | None, Meta(description="The picture that the player shows; null if there is none.")
    ]
    link: Annotated[Url | None, Meta(description="The page of the track, if the player links it.")]
    timestamps: Timestamps
    created_at: Annotated[
        Milliseconds | None, Meta(description="When it began to be shown: milliseconds since 1970.")
    ]


def is_of(listening: Listening, activity: Activity) -> bool:
    """Whether this activity is the one that `listening` is made of."""
    return (
        activity.type == "Listening"
        and activity.application_id == listening.application_id
        and activity.created_at == listening.created_at
    )


LastSeen = Annotated[
    int | UnsetType | None,
    Meta(
        description="When the person became `invisible`, in ms since 1970; null while they are "
        "not, while it is not known, and while they hide their status. Only of people who keep a "
        "history, and then the last key of all."
    ),
]


class Presence(Struct, frozen=True, kw_only=True):
    """The user's status and activities."""

    status: Annotated[Status, Meta(description="`invisible` is Discord's offline as well.")]
    spotify: Annotated[Spotify | None, Meta(description="null when there is no song.")]
    activity: Annotated[
        list[Activity],
        Meta(description="All but Spotify and the custom status, in Discord's order."),
    ]
    custom_status: CustomStatus | None
    listening: Annotated[
        Listening | None,
        Meta(description="Spotify's song, else that of the first activity of type `Listening`."),
    ] = None  # the default: in what an earlier version has written, the key is missing
    last_seen: LastSeen = UNSET


class Snapshot(Struct, frozen=True):
    """One user as Redis holds them: JSON, ready to send."""

    version: int  # grows with each change: readers drop what is not newer than what they hold
    profile: bytes
    presence: bytes
    discord: bytes | None = None  # Discord's objects, sanitized; None if they were not asked for
    kv: bytes | None = None  # JSON, an object of strings; None: not copied from the durable Redis
    hidden: frozenset[str] = frozenset()
    """What the user hides (shared.model.user_settings.HIDEABLE_FIELDS): it is not in the snapshot,
    and must not be added to it from another source. `applications`: some activities."""
