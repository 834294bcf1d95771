"""Activity objects as Discord sends them.

Source: events/gateway-events, "Activity Object"; Spotify as bots see it.
"""

import random
from typing import Final

from simulator.catalogue import CUSTOM_EMOJIS, CUSTOM_STATUSES, STREAMS, Game, Song
from simulator.model import Json

_SYNC_AND_PLAY: Final = 48
_PARTY_CHANCE: Final = 0.7
_CUSTOM_EMOJI_CHANCE: Final = 0.2


def spotify(user_id: str, song: Song, start_ms: int) -> Json:
    """A user has been listening to ``song`` since ``start_ms``."""
    return {
        "id": "spotify:1",
        "name": "Spotify",
        "type": 2,
        "created_at": start_ms,
        "flags": _SYNC_AND_PLAY,
        "session_id": f"{int(user_id):032x}",
        "sync_id": song.track_id,
        "details": song.title,
        "state": "; ".join(song.artists),
        "party": {"id": f"spotify:{user_id}"},
        "assets": {"large_image": f"spotify:{song.cover}", "large_text": song.album},
        "timestamps": {"start": start_ms, "end": start_ms + song.seconds * 1000},
    }


def is_song(activity: Json) -> bool:
    """Whether it is one of a music player, Spotify included."""
    return activity.get("type") == 2


def song_end(activities: list[Json]) -> int | None:
    """When the song among these activities ends, Unix ms."""
    for activity in activities:
        if is_song(activity):
            end: int | None = (activity.get("timestamps") or {}).get("end")
            return end
    return None


def playing(rng: random.Random, game: Game, now_ms: int) -> Json:
    """A user has been in ``game`` (or editor, or show) for a while."""
    activity: Json = {
        "id": f"{rng.getrandbits(64):016x}",
        "name": game.name,
        "type": game.kind,
        "created_at": now_ms,
        "application_id": game.application_id,
        "session_id": f"{rng.getrandbits(128):032x}",
        "timestamps": {"start": now_ms - rng.randrange(3_600_000)},
    }
    if game.details:
        activity["details"] = rng.choice(game.details)
    if game.states:
        activity["state"] = rng.choice(game.states)
    if game.platform is not None:
        activity["platform"] = game.platform
    if game.party and rng.random() < _PARTY_CHANCE:
        size = [rng.randint(1, game.party), game.party]
        activity["party"] = {"id": f"{rng.getrandbits(128):032x}", "size": size}
    if game.large is not None:
        assets = {"large_image": game.large}
        if game.large_text is not None:
            assets["large_text"] = game.large_text
        if game.small is not None:
            assets["small_image"] = game.small
        if game.small_text is not None:
            assets["small_text"] = game.small_text
        activity["assets"] = assets
    if game.buttons:
        activity["buttons"] = list(game.buttons)
    return activity


def streaming(rng: random.Random, now_ms: int) -> Json:
    """A user is live on Twitch."""
    channel, title, category = rng.choice(STREAMS)
    return {
        "id": f"{rng.getrandbits(64):016x}",
        "name": "Twitch",
        "type": 1,
        "created_at": now_ms,
        "url": f"https://www.twitch.tv/{channel}",
        "details": title,
        "state": category,
        "assets": {"large_image": f"twitch:{channel}"},
    }


def custom_status(rng: random.Random, now_ms: int) -> Json:
    """A line of text, an emoji, or both."""
    text, emoji = rng.choice(CUSTOM_STATUSES)
    activity: Json = {
        "id": "custom",
        "name": "Custom Status",
        "type": 4,
        "created_at": now_ms,
    }
    if text is not None:
        activity["state"] = text
    if emoji is not None and rng.random() < _CUSTOM_EMOJI_CHANCE:
        name, emoji_id, animated = rng.choice(CUSTOM_EMOJIS)
        activity["emoji"] = {"name": name, "id": emoji_id, "animated": animated}
    elif emoji is not None:
        activity["emoji"] = {"name": emoji}
    return activity
