"""What a picture of /now-playing says and shows: the song alone, whichever player plays it."""

from __future__ import annotations

from msgspec import Struct

from services.cards.card_model import ImageRequest, Panel, music_panel
from services.cards.card_options import CardOptions
from services.cards.texts import TEXTS
from shared.model.snapshot import Listening, Presence, Profile


class NowPlayingModel(Struct, frozen=True, kw_only=True):
    """Everything that is drawn, except the images."""

    panel: Panel  # the song, or that there is none
    accent: int | None

    @property
    def ticks(self) -> bool:
        """Whether the picture shows a running clock."""
        return self.panel.timed


def build(
    profile: Profile, presence: Presence, options: CardOptions
) -> tuple[NowPlayingModel, list[ImageRequest]]:
    """What the picture shows, and the images that it needs."""
    heard = _shown(presence, options)
    if heard is not None:
        panel, images = music_panel(heard, options, of_spotify=presence.spotify is not None)
    else:
        panel, images = _silence(options), []
    return NowPlayingModel(panel=panel, accent=profile.accent_color), images


def _shown(presence: Presence, options: CardOptions) -> Listening | None:
    heard = presence.listening
    if heard is None or options.hide_activity == "true":
        return None
    if options.hide_spotify and presence.spotify is not None:
        return None
    return None if heard.application_id in options.ignored else heard


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
