"""Plausible presences, drawn at random.

Shares follow common sense: most are offline, of the rest most sit at a desktop and half of
them show nothing but a status.
"""

import random
from typing import Final

from simulator import activities, catalogue, music_players
from simulator.model import Json, Presence, offline

OFFLINE_SHARE: Final = 0.60
_STATUSES: Final = ("online", "idle", "dnd")
_STATUS_WEIGHTS: Final = (6, 3, 2)
_DEVICES: Final = (
    ("desktop",),
    ("mobile",),
    ("desktop", "mobile"),
    ("web",),
    ("vr",),
)
_DEVICE_WEIGHTS: Final = (50, 25, 15, 9, 1)
_CUSTOM_STATUS: Final = 0.25
_SONG: Final = 0.15
_PLAYING: Final = 0.35
_STREAMING: Final = 0.02


def some_presence(rng: random.Random, user_id: str, now_ms: int) -> Presence:
    """A random presence, online or not."""
    if rng.random() < OFFLINE_SHARE:
        return offline()
    return online_presence(rng, user_id, now_ms)


def online_presence(rng: random.Random, user_id: str, now_ms: int) -> Presence:
    """A random presence of a user who is online."""
    status = rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]
    devices = dict.fromkeys(rng.choices(_DEVICES, _DEVICE_WEIGHTS)[0], status)
    shown: list[Json] = []
    if rng.random() < _CUSTOM_STATUS:
        shown.append(activities.custom_status(rng, now_ms))
    if rng.random() < _SONG:
        shown.append(listening(rng, user_id, now_ms - rng.randrange(120_000)))
    if rng.random() < _PLAYING:
        game = rng.choice(catalogue.GAMES)
        if game.platform is not None:
            devices = {"embedded": status}
        shown.append(activities.playing(rng, game, now_ms))
    elif rng.random() < _STREAMING:
        shown.append(activities.streaming(rng, now_ms))
    return Presence(status, shown, devices)


def listening(rng: random.Random, user_id: str, start_ms: int) -> Json:
    """The activity of a song that begins at ``start_ms``, in the user's player."""
    song, player = rng.choice(catalogue.SONGS), music_players.player_of(user_id)
    if player is None:
        return activities.spotify(user_id, song, start_ms)
    return music_players.activity(player, song, start_ms)
