"""What a card says and shows of a user: derived from the snapshot, before anything is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from services.cards import name_styles
from services.cards.card_options import CardOptions, Layout
from services.cards.name_styles import NameStyle
from services.cards.texts import TEXTS, ActivityTexts
from shared.model.snapshot import (
    Activity,
    ActivityType,
    CustomStatus,
    Listening,
    Presence,
    Profile,
    Spotify,
    Status,
    Timestamps,
    is_of,
)

MAX_BADGES: Final = 10
Kind = Literal["game", "song", "show", "stream"]

_KINDS: Final[dict[str | None, Kind]] = {
    "Listening": "song",
    "Watching": "show",
    "Streaming": "stream",
}

_WITHOUT: Final[dict[Layout, tuple[str, ...]]] = {
    "full": (),
    "compact": ("banner", "nameplate", "small"),
    "minimal": ("banner", "nameplate", "small", "badge"),
    "wide": (),
}
"""The images that a layout has no place for, by the beginning of their role."""


class ImageRequest(Struct, frozen=True):
    """An image that the card has a place for."""

    role: str  # the place
    url: str
    animated: bool = False  # an animated image is welcome


class Panel(Struct, frozen=True, kw_only=True):
    """One activity."""

    kind: Kind
    heading: str  # such as "Playing"
    title: str
    lines: tuple[str, ...]
    start: int | None  # ms since 1970
    end: int | None
    spotify: bool = False
    has_art: bool = False
    has_small: bool = False

    @property
    def timed(self) -> bool:
        """Whether a time is shown: elapsed, remaining, or both with a bar."""
        return self.start is not None or self.end is not None


class CardModel(Struct, frozen=True, kw_only=True):
    """Everything that is drawn, except the images."""

    name: str
    username: str | None  # where `name` is a different one
    status: Status
    streaming: bool
    mobile: bool
    tag: str | None
    badges: tuple[str, ...]  # their descriptions
    status_text: str | None
    emoji_text: str | None  # the custom status's emoji, where that is a character
    accent: int | None
    panel: Panel | None
    idle: str | None  # the text in place of a panel; None: no text either
    with_profile: bool
    pronouns: str | None = None  # as the user has written them
    name_style: NameStyle | None = None

    @property
    def ticks(self) -> bool:
        """Whether the card shows a running clock."""
        return self.panel is not None and self.panel.timed


def build(
    profile: Profile, presence: Presence, options: CardOptions
) -> tuple[CardModel, list[ImageRequest]]:
    """What the card shows, and the images that it needs."""
    panel, art = _panel(presence, options)
    custom = None if options.hide_status else presence.custom_status
    named = options.display_name and profile.display_name.strip()
    model = CardModel(
        name=profile.display_name if named else profile.username,
        username=profile.username if named and profile.display_name != profile.username else None,
        status=presence.status,
        streaming=options.hide_activity != "true"
        and any(
            activity.type == "Streaming" and activity.application_id not in options.ignored
            for activity in presence.activity
        ),
        mobile=profile.device == "mobile" and presence.status == "online",
        tag=profile.clan.tag if profile.clan and not options.hide_tag else None,
        badges=tuple(badge.description for badge in profile.badges[:MAX_BADGES])
        if not options.hide_badges
        else (),
        status_text=custom.text if custom else None,
        emoji_text=_emoji_text(custom),
        accent=profile.accent_color,
        panel=panel,
        idle=(options.idle_message or TEXTS[options.lang].activity.idle)
        if options.hide_activity == "false" and panel is None
        else None,
        with_profile=not options.hide_profile,
        pronouns=profile.pronouns,
        name_style=name_styles.of(
            profile.display_name_styles if options.name_style else None, options.gradient
        ),
    )
    images = [] if options.hide_profile else list(_profile_images(profile, custom, options))
    without = _WITHOUT[options.layout]
    shown = [each for each in (*images, *art) if not each.role.startswith(without)]
    # Converting a video takes as long as many images: these are there for the first card.
    return model, sorted(shown, key=lambda each: each.role == "nameplate-video")


def _profile_images(
    profile: Profile, custom: CustomStatus | None, options: CardOptions
) -> Iterator[ImageRequest]:
    animated = options.animated and (profile.avatar or "").startswith("a_")
    yield ImageRequest("avatar", profile.avatar_image, animated)
    if profile.avatar_decoration_image and not options.hide_decoration:
        moves = options.animated and options.animated_decoration
        yield ImageRequest("decoration", profile.avatar_decoration_image, moves)
    if profile.banner_image and options.banner != "false":
        hash_ = profile.banner_image.rpartition("/")[2]
        moves = options.animated and options.banner == "animated" and hash_.startswith("a_")
        yield ImageRequest("banner", profile.banner_image, moves)
    if profile.nameplate_image and options.nameplate:
        yield ImageRequest("nameplate", profile.nameplate_image)
        if options.animated and options.animated_nameplate:
            # In place of the still one, where it arrives.
            yield ImageRequest("nameplate-video", profile.nameplate_image, animated=True)
    if profile.clan and profile.clan.clan_image and not options.hide_tag:
        yield ImageRequest("tag", profile.clan.clan_image)
    if not options.hide_badges:
        for number, badge in enumerate(profile.badges[:MAX_BADGES]):
            yield ImageRequest(f"badge{number}", badge.badge_image)
    if custom and custom.emoji and custom.emoji.image:
        emoji = custom.emoji
        yield ImageRequest("emoji", custom.emoji.image, options.animated and emoji.animated)


def _emoji_text(custom: CustomStatus | None) -> str | None:
    emoji = custom.emoji if custom else None
    return emoji.name if emoji and not emoji.id else None


def _panel(presence: Presence, options: CardOptions) -> tuple[Panel | None, list[ImageRequest]]:
    """The first activity that may be shown; the song where there is none."""
    if options.hide_activity == "true":
        return None, []
    shown = (a for a in presence.activity if a.application_id not in options.ignored)
    activity = next((a for a in shown if a.name or a.details), None)
    heard = presence.listening
    if activity is not None:
        if heard is not None and is_of(heard, activity):
            return music_panel(heard, options, icon=activity.largeImage or activity.smallImage)
        return _activity_panel(activity, options)
    if presence.spotify is not None and not options.hide_spotify:
        return music_panel(_of_spotify(presence.spotify), options, of_spotify=True)
    return None, []


def music_panel(
    heard: Listening, options: CardOptions, *, of_spotify: bool = False, icon: str | None = None
) -> tuple[Panel, list[ImageRequest]]:
    """The song of any player. `icon`: of the player, where the song has no picture."""
    start, end = _times(heard.timestamps, options)
    texts = TEXTS[options.lang].activity
    title = heard.song or (texts.local_file if of_spotify else heard.album or heard.app or "")
    panel = Panel(
        kind="song",
        heading=_heading("Listening", heard.app or "", texts),
        title=title,
        lines=_lines(heard.artist, heard.album if heard.album != title else None),
        start=start,
        end=end,
        spotify=of_spotify,
        has_art=True,
    )
    art = heard.album_image or icon
    return panel, [ImageRequest("art", art)] if art else []


def _of_spotify(song: Spotify) -> Listening:
    """Where the user hides `listening`, but not Spotify."""
    return Listening(
        app=song.name,
        application_id=None,
        song=song.song,
        artist=song.artist,
        album=song.album,
        album_image=song.album_image,
        link=song.link,
        timestamps=song.timestamps,
        created_at=song.created_at,
    )


def _activity_panel(activity: Activity, options: CardOptions) -> tuple[Panel, list[ImageRequest]]:
    name, details, state = activity.name or "", activity.details, activity.state
    texts = TEXTS[options.lang].activity
    if activity.party and activity.party.size:
        now, most = activity.party.size
        state = texts.party.format(state=state or texts.in_a_group, now=now, most=most)
    by_name = activity.type in ("Playing", "Competing", None) or not details
    extra = activity.largeText if activity.type == "Listening" else None
    start, end = _times(activity.timestamps, options)
    panel = Panel(
        kind=_KINDS.get(activity.type, "game"),
        heading=_heading(activity.type, "" if by_name else name, texts),
        title=name if by_name and name else details or name,
        lines=_lines(details, state) if by_name else _lines(state, extra),
        start=start,
        end=end,
        has_art=True,
        has_small=bool(activity.smallImage and activity.largeImage),
    )
    urls = (("art", activity.largeImage or activity.smallImage), ("small", activity.smallImage))
    images = [ImageRequest(role, url) for role, url in urls if url]
    return panel, images if panel.has_small else images[:1]


def _heading(kind: ActivityType | None, name: str, texts: ActivityTexts) -> str:
    """The verb, with the name unless that is empty."""
    match kind:
        case "Playing":
            return texts.playing
        case "Listening":
            return texts.listening_to.format(name=name) if name else texts.listening
        case "Watching":
            return texts.watching_on.format(name=name) if name else texts.watching
        case "Streaming":
            return texts.streaming_on.format(name=name) if name else texts.streaming
        case "Competing":
            return texts.competing_in.format(name=name) if name else texts.competing
        case None:
            return ""


def _times(timestamps: Timestamps, options: CardOptions) -> tuple[int | None, int | None]:
    if options.hide_timestamp:
        return None, None
    start, end = timestamps.start, timestamps.end
    return (start if isinstance(start, int) else None), (end if isinstance(end, int) else None)


def _lines(*lines: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in lines if text and text.strip()))
