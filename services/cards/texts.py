"""Every text of cards and badges themselves, in each language: one JSON file for each in `texts/`.

The files are decoded into one struct, so that a language that lacks a text, or has one too many,
does not start. Names in braces are filled in; tests compare them with the English ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

Language = Literal["en", "de", "pt-BR", "es", "fr", "ja"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "pt-BR", "es", "fr", "ja")
DEFAULT_LANGUAGE: Final = "en"
_FOLDER: Final = Path(__file__).parent / "texts"


class ActivityTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands above an activity: the verb alone, and the verb with the name."""

    playing: str
    listening: str
    listening_to: str  # {name}
    watching: str
    watching_on: str  # {name}
    streaming: str
    streaming_on: str  # {name}
    competing: str
    competing_in: str  # {name}
    party: str  # {state}, {now}, {most}
    in_a_group: str  # the state of a party that has none
    local_file: str  # the title of a song that Spotify does not know
    idle: str
    silence: str  # in place of a song
    last_played: str
    last_played_on: str  # {name}


class TimeTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """One of `before_left` and `after_left` is empty: the clock stands between them."""

    before_left: str
    after_left: str
    for_days: str  # {days}
    days_left: str  # {days}
    silent: str  # {span}
    a_minute: str
    minutes: str  # {count}
    hours: str  # {count}


class StatusTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """For screen readers."""

    sentence: str  # {name}, {status}
    online: str
    idle: str
    dnd: str
    invisible: str
    streaming: str


class BadgeTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """The right half of a badge."""

    online: str
    idle: str
    dnd: str
    invisible: str
    song: str  # {song}, {artist}
    playing: str  # {name}
    listening: str  # {name}
    watching: str  # {name}
    streaming: str  # {name}
    competing: str  # {name}
    problems: dict[str, str]  # by code


class ProblemText(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    text: str


class CardTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """One language."""

    activity: ActivityTexts
    time: TimeTexts
    status: StatusTexts
    badge: BadgeTexts
    problems: dict[str, ProblemText]  # by code
    join: str  # {invite}


def _load(language: Language) -> CardTexts:
    return msgspec.json.decode((_FOLDER / f"{language}.json").read_bytes(), type=CardTexts)


TEXTS: Final[dict[Language, CardTexts]] = {language: _load(language) for language in LANGUAGES}


def language_of(locale: str) -> Language | None:
    """The language of a locale such as `de-AT`; None where it is none of ours."""
    wanted = locale.lower().replace("_", "-").partition("-")[0]
    return next((one for one in LANGUAGES if one.partition("-")[0] == wanted), None)
