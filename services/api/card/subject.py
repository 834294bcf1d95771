"""What a card shows of a person: chosen from the snapshot, before anything is fetched or drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from services.api.card.look import Look
from shared.model.snapshot import (
    Activity,
    CustomStatus,
    Presence,
    Profile,
    Spotify,
    Status,
    Timestamps,
)

MOST_BADGES: Final = 10
Kind = Literal["game", "song", "show", "stream"]

_KINDS: Final[dict[str | None, Kind]] = {
    "Listening": "song",
    "Watching": "show",
    "Streaming": "stream",
}


class Want(Struct, frozen=True):
    """A picture that the card has a place for."""

    role: str  # the place
    url: str
    moves: bool = False  # may be animated


class Panel(Struct, frozen=True, kw_only=True):
    """One thing that somebody does."""

    kind: Kind
    heading: str  # what they do: "Playing"
    title: str
    lines: tuple[str, ...]
    start: int | None  # ms since 1970
    end: int | None
    spotify: bool = False
    has_art: bool = False
    has_small: bool = False


class Subject(Struct, frozen=True, kw_only=True):
    """Everything that is drawn, but for the pictures."""

    name: str
    username: str | None  # where `name` is another one
    status: Status
    streaming: bool
    mobile: bool
    tag: str | None
    badges: tuple[str, ...]  # what each is for
    status_text: str | None
    emoji_text: str | None  # the custom status' emoji where that is a character
    accent: int | None
    panel: Panel | None
    idle: str | None  # what is said when there is no panel; None: nothing is
    with_profile: bool

    @property
    def moves(self) -> bool:
        """Whether the card tells a time that goes on."""
        return self.panel is not None and self.panel.start is not None


def choose(profile: Profile, presence: Presence, look: Look) -> tuple[Subject, list[Want]]:
    """What the card shows, and the pictures it takes."""
    panel, art = _panel(presence, look)
    custom = None if look.hide_status else presence.custom_status
    named = look.display_name and profile.display_name.strip()
    subject = Subject(
        name=profile.display_name if named else profile.username,
        username=profile.username if named and profile.display_name != profile.username else None,
        status=presence.status,
        streaming=any(activity.type == "Streaming" for activity in presence.activity),
        mobile=profile.device == "mobile" and presence.status == "online",
        tag=profile.clan.tag if profile.clan and not look.hide_tag else None,
        badges=tuple(badge.description for badge in profile.badges[:MOST_BADGES])
        if not look.hide_badges
        else (),
        status_text=custom.text if custom else None,
        emoji_text=_emoji_text(custom),
        accent=profile.accent_color,
        panel=panel,
        idle=look.idle_message if look.hide_activity == "false" and panel is None else None,
        with_profile=not look.hide_profile,
    )
    wants = [] if look.hide_profile else list(_profile_wants(profile, custom, look))
    return subject, [*wants, *art]


def _profile_wants(profile: Profile, custom: CustomStatus | None, look: Look) -> Iterator[Want]:
    moving = look.animated and (profile.avatar or "").startswith("a_")
    yield Want("avatar", profile.avatar_image, moving)
    if profile.avatar_decoration_image and not look.hide_decoration:
        yield Want("decoration", profile.avatar_decoration_image, look.animated)
    if profile.nameplate_image and look.nameplate:
        yield Want("nameplate", profile.nameplate_image)
    if profile.clan and profile.clan.clan_image and not look.hide_tag:
        yield Want("tag", profile.clan.clan_image)
    if not look.hide_badges:
        for number, badge in enumerate(profile.badges[:MOST_BADGES]):
            yield Want(f"badge{number}", badge.badge_image)
    if custom and custom.emoji and custom.emoji.image:
        yield Want("emoji", custom.emoji.image, look.animated and custom.emoji.animated)


def _emoji_text(custom: CustomStatus | None) -> str | None:
    emoji = custom.emoji if custom else None
    return emoji.name if emoji and not emoji.id else None


def _panel(presence: Presence, look: Look) -> tuple[Panel | None, list[Want]]:
    """The first activity that may be shown; the song when there is none."""
    if look.hide_activity == "true":
        return None, []
    shown = (a for a in presence.activity if a.application_id not in look.ignored)
    activity = next((a for a in shown if a.name or a.details), None)
    if activity is not None:
        return _of_activity(activity, look)
    if presence.spotify is not None and not look.hide_spotify:
        return _of_song(presence.spotify, look)
    return None, []


def _of_song(song: Spotify, look: Look) -> tuple[Panel, list[Want]]:
    start, end = _times(song.timestamps, look)
    panel = Panel(
        kind="song",
        heading="Listening to Spotify",
        title=song.song or "A local file",
        lines=_lines(song.artist, song.album if song.album != song.song else None),
        start=start,
        end=end,
        spotify=True,
        has_art=True,
    )
    return panel, [Want("art", song.album_image)] if song.album_image else []


def _of_activity(activity: Activity, look: Look) -> tuple[Panel, list[Want]]:
    name, details, state = activity.name or "", activity.details, activity.state
    if activity.party and activity.party.size:
        now, most = activity.party.size
        state = f"{state or 'In a group'} ({now} of {most})"
    by_name = activity.type in ("Playing", "Competing", None) or not details
    verb = {"Listening": "Listening to", "Streaming": "Live on", "Competing": "Competing in"}.get(
        activity.type or "", activity.type or ""
    )
    extra = activity.largeText if activity.type == "Listening" else None
    start, end = _times(activity.timestamps, look)
    panel = Panel(
        kind=_KINDS.get(activity.type, "game"),
        heading=verb if by_name else f"{verb} {name}",
        title=name if by_name and name else details or name,
        lines=_lines(details, state) if by_name else _lines(state, extra),
        start=start,
        end=end,
        has_art=True,
        has_small=bool(activity.smallImage and activity.largeImage),
    )
    pictures = (("art", activity.largeImage or activity.smallImage), ("small", activity.smallImage))
    wants = [Want(role, url) for role, url in pictures if url]
    return panel, wants if panel.has_small else wants[:1]


def _times(timestamps: Timestamps, look: Look) -> tuple[int | None, int | None]:
    if look.hide_timestamp:
        return None, None
    start, end = timestamps.start, timestamps.end
    return (start if isinstance(start, int) else None), (end if isinstance(end, int) else None)


def _lines(*lines: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in lines if text and text.strip()))
