"""A presence in words: what a link to a person's page says in a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from shared.model.snapshot import Activity, Presence, is_of

MAX_CHARS: Final = 300  # chats cut longer descriptions, in the middle of a word
MAX_PART_CHARS: Final = 120

_STATUS: Final = {"online": "Online", "idle": "Idle", "dnd": "Do not disturb"}
_KINDS: Final = {
    "Playing": "Playing",
    "Streaming": "Streaming",
    "Listening": "Listening to",
    "Watching": "Watching",
    "Competing": "Competing in",
}
# Control characters, and those that turn the direction of the text after them (Unicode, UAX 9).
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def one_line(text: str, max_chars: int = MAX_PART_CHARS) -> str:
    """A stranger's text as a part of a sentence."""
    line = " ".join(_CONTROLS.sub(" ", text).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def in_words(presence: Presence) -> str:
    """Status, custom status, song and activities, as many as fit: "Online · Playing Chess"."""
    said = ""
    for part in dict.fromkeys(_parts(presence)):
        longer = f"{said} · {part}" if said else part
        if len(longer) > MAX_CHARS:
            break
        said = longer
    return said


def _parts(presence: Presence) -> Iterator[str]:
    yield _STATUS.get(presence.status, "Offline")
    custom = presence.custom_status
    if custom is not None and custom.text:
        yield f"“{one_line(custom.text)}”"
    song = presence.listening
    if song is not None and song.song:
        artist = f" by {one_line(song.artist)}" if song.artist else ""
        yield f"Listening to {one_line(song.song)}{artist}"
    for activity in presence.activity:
        is_that_song = song is not None and bool(song.song) and is_of(song, activity)
        if activity.name and not is_that_song:
            yield _activity(activity, activity.name)


def _activity(activity: Activity, name: str) -> str:
    kind = _KINDS.get(activity.type or "")
    said = f"{kind} {one_line(name)}" if kind else one_line(name)
    return f"{said}: {one_line(activity.details)}" if activity.details else said
