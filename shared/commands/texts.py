"""Every text of the slash commands, in each language: one JSON file for each in `texts/`.

The files are decoded into one struct, so that a language that lacks a text, or has one too many,
does not start. Names in braces are filled in; tests/commands compares them with the English ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

LOCALES: Final = {
    "en": ("en-US", "en-GB"),
    "de": ("de",),
    "pt-BR": ("pt-BR",),
    "es": ("es-ES", "es-419"),
    "fr": ("fr",),
    "ja": ("ja",),
}
"""The file of a language, and the locales that it serves. Discord docs: Reference, Locales."""

DEFAULT_LANGUAGE: Final = "en"
_FOLDER: Final = Path(__file__).parent / "texts"


class PartTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be hidden, as the choices are called."""

    status: str
    device: str
    activities: str
    spotify: str
    listening: str
    custom_status: str
    badges: str
    clan: str
    connected_accounts: str
    decoration: str


class DescriptionTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """Shown while somebody types a command."""

    grux: str
    show: str
    show_what: str
    hide: str
    hide_what: str
    pause: str
    pause_hours: str
    history: str
    history_keep: str
    profile: str
    key: str
    links: str
    data: str
    erase: str
    everything: str  # a choice, beside those of PartTexts


class StateTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What is shown of the person now, and the controls to change it."""

    shown: str
    hidden: str
    paused: str  # {until}
    not_asked: str
    hidden_parts: str  # {parts}
    hidden_applications: str  # {applications}
    nothing_hidden: str
    saved: str
    choose_hidden: str
    choose_shown: str
    choose_applications: str
    hide_all: str
    show_me: str
    end_pause: str


class HistoryTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of the person's past, and the choices."""

    off: str
    last_seen: str
    recent: str
    hint: str  # {time}
    one_day: str
    days: str  # {days}
    keep_off: str
    keep_last_seen: str
    keep_recent: str


class ProfileTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """The form in which a person writes about themselves."""

    title: str
    bio: str
    bio_hint: str
    pronouns: str
    links: str
    links_hint: str
    saved: str
    not_saved: str  # {reason}
    bad_bio: str
    bad_pronouns: str
    bad_links: str
    draft: str
    edit_again: str


class KeyTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """The key for the key-value store."""

    none: str
    exists: str  # {since}
    created: str  # {key}
    deleted: str
    create: str
    renew: str
    delete: str


class LinkTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the person is shown."""

    intro: str
    page: str
    card: str
    api: str
    widget: str
    account: str
    privacy: str
    hidden: str
    unknown: str


class HeldTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be held, as an entry of a list."""

    settings: str
    connections: str  # {count}
    kv: str  # {count}
    key: str  # {since}
    sign_in: str
    presence: str  # {count}
    history: str  # {count}
    profile_source: str


class DataTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What is held, and its end."""

    held: str
    sections: HeldTexts
    nothing: str
    file: str
    too_large: str  # {url}
    erase: str
    erase_now: str
    erase_hidden: str
    keep: str
    kept: str
    erased: str
    erased_hidden: str


class ProblemTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """What went wrong, and what to do."""

    busy: str
    too_many: str
    unavailable: str
    slow: str
    outdated: str
    not_offered: str
    not_yours: str
    failed: str
    try_again: str


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """All texts of one language."""

    parts: PartTexts
    descriptions: DescriptionTexts
    state: StateTexts
    history: HistoryTexts
    profile: ProfileTexts
    key: KeyTexts
    links: LinkTexts
    data: DataTexts
    problems: ProblemTexts


def _read(language: str) -> Texts:
    return msgspec.json.decode((_FOLDER / f"{language}.json").read_bytes(), type=Texts)


LANGUAGES: Final = {language: _read(language) for language in LOCALES}
ENGLISH: Final = LANGUAGES[DEFAULT_LANGUAGE]
_BY_LOCALE: Final = {
    locale: LANGUAGES[language] for language, locales in LOCALES.items() for locale in locales
}


def texts_for(locale: object) -> Texts:
    """The texts for a locale of Discord's; English for one that has none."""
    return _BY_LOCALE.get(locale, ENGLISH) if isinstance(locale, str) else ENGLISH
