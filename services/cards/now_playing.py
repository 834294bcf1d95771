"""What a picture of /now-playing says and shows: the song alone, whichever player plays it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from services.cards.card_model import ImageRequest, Panel, music_panel
from services.cards.card_options import CardOptions
from services.cards.texts import TEXTS
from shared.model.history import KeptSong, LastPlayed
from shared.model.snapshot import Listening, Presence, Profile


class NowPlayingModel(Struct, frozen=True, kw_only=True):
    """Everything that is drawn, except the images."""

    panel: Panel  # the song that plays or has played last, or that there is none
    accent: int | None

    @property
    def ticks(self) -> bool:
        """Whether the picture shows a running clock."""
        return self.panel.timed


def build(
    profile: Profile,
    presence: Presence,
    options: CardOptions,
    kept: KeptSong | None = None,
    now_ms: int = 0,
) -> tuple[NowPlayingModel, list[ImageRequest]]:
    """What the picture shows, and the images that it needs. `kept`: of people with a history."""
    heard = presence.listening
    images: list[ImageRequest] = []
    if heard is not None and _is_shown(heard, presence.spotify is not None, options):
        panel, images = music_panel(heard, options, of_spotify=presence.spotify is not None)
    elif (song := _last_song(kept, options, now_ms)) is not None:
        panel, images = _last(song, kept is not None and kept.is_spotify, options)
    else:
        panel = _silence(options)
    return NowPlayingModel(panel=panel, accent=profile.accent_color), images


def _is_shown(heard: Listening, of_spotify: bool, options: CardOptions) -> bool:
    if options.hide_activity == "true" or (options.hide_spotify and of_spotify):
        return False
    return heard.application_id not in options.ignored


def _last_song(kept: KeptSong | None, options: CardOptions, now_ms: int) -> LastPlayed | None:
    """None as well where the URL has words of its own for silence."""
    if kept is None or kept.song is None or kept.until <= now_ms or options.idle_message:
        return None
    return kept.song if _is_shown(kept.song, kept.is_spotify, options) else None


def _last(
    song: LastPlayed, of_spotify: bool, options: CardOptions
) -> tuple[Panel, list[ImageRequest]]:
    """It is over, so no clock runs."""
    still = msgspec.structs.replace(options, hide_timestamp=True)
    panel, images = music_panel(song, still, of_spotify=of_spotify)
    texts = TEXTS[options.lang].activity
    heading = texts.last_played_on.format(name=song.app) if song.app else texts.last_played
    return msgspec.structs.replace(panel, heading=heading), images


def _silence(options: CardOptions) -> Panel:
    return Panel(
        kind="song",
        heading="",
        title=options.idle_message or TEXTS[options.lang].activity.silence,
        lines=(),
        start=None,
        end=None,
        has_art=True,
    )
