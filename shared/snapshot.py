"""What a presence is: the structs that the API shows.

Field order is the order in the answers. Spelling, types and order are the public contract
(docs/api.md): a field may be added at the end, none is renamed, retyped or dropped.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

Status = Literal["online", "idle", "dnd", "invisible"]
ActivityType = Literal["Playing", "Streaming", "Listening", "Watching", "Competing"]


class Badge(Struct, frozen=True):
    id: str
    description: str
    asset: str
    badge_image: str


class Clan(Struct, frozen=True):
    """The server tag that a user shows."""

    tag: str
    identity_guild_id: str
    asset: str | None
    clan_image: str | None


class ConnectedAccount(Struct, frozen=True):
    type: str
    name: str | None
    link: str | None


class Profile(Struct, frozen=True, kw_only=True):
    """Who the user is."""

    bot: bool
    device: str | None  # the foremost of `devices`
    id: str
    creation_date: str  # ISO 8601, UTC, milliseconds
    username: str
    display_name: str
    link: str
    avatar: str | None
    avatar_image: str
    avatar_decoration_image: str | None
    nameplate_image: str | None
    badges: list[Badge]
    clan: Clan | None
    connected_accounts: list[ConnectedAccount]
    devices: dict[str, str]  # Discord's client_status
    public_flags: int
    bio: str | None = None
    banner_image: str | None = None
    accent_color: int | None = None


class Timestamps(Struct, frozen=True):
    """Milliseconds since 1970; an end that is not known is left out."""

    start: int | UnsetType = UNSET
    end: int | UnsetType = UNSET


class Spotify(Struct, frozen=True, kw_only=True):
    """The track that Discord's own Spotify link reports."""

    type: str = "Listening to Spotify"
    name: str = "Spotify"
    song: str | None
    artist: str | None
    album: str | None
    album_image: str | None
    link: str | None
    timestamps: Timestamps
    created_at: int | None
    track_id: str | None


class Party(Struct, frozen=True):
    id: str | None
    size: tuple[int, int] | None  # now, at most


class Activity(Struct, frozen=True, kw_only=True):
    """Anything else that a user does."""

    type: ActivityType | None
    name: str | None
    state: str | None
    details: str | None
    largeText: str | None  # noqa: N815 (the contract's spelling)
    largeImage: str | None  # noqa: N815
    smallText: str | None  # noqa: N815
    smallImage: str | None  # noqa: N815
    timestamps: Timestamps
    created_at: int | None
    application_id: str | None
    url: str | None
    buttons: list[str]
    party: Party | None


class Emoji(Struct, frozen=True):
    name: str | None
    id: str | None
    animated: bool
    image: str | None


class CustomStatus(Struct, frozen=True):
    text: str | None
    emoji: Emoji | None


class Presence(Struct, frozen=True, kw_only=True):
    """What the user does now."""

    status: Status
    spotify: Spotify | None
    activity: list[Activity]
    custom_status: CustomStatus | None


class Snapshot(Struct, frozen=True):
    """One user as Redis holds them: JSON, ready to send."""

    version: int  # grows with each change: readers drop what is not newer than what they hold
    profile: bytes
    presence: bytes
