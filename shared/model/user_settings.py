"""What a person has chosen about how they are shown: docs/api.md, "Accounts".

The page at /me, `PATCH /me` and the bot's commands change these settings; the gateway applies them
before it writes anything to Redis. Nothing here does I/O.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.model.snapshot import Link

HideableField = Literal[
    "status",
    "device",
    "activities",
    "spotify",
    "listening",
    "custom_status",
    "badges",
    "clan",
    "connected_accounts",
    "decoration",
]
HIDEABLE_FIELDS: Final[tuple[HideableField, ...]] = get_args(HideableField)

HistoryLevel = Literal["off", "last_seen", "recent"]
"""What is kept of a person's past: nothing, when they were seen last, or their activities too."""
HISTORY_LEVELS: Final[tuple[HistoryLevel, ...]] = get_args(HistoryLevel)

Consent = Literal["joining", "asking"]
"""CONSENT: whether members are shown because they joined, or only those who opted in."""

BIO_MAX_CHARS: Final = 190  # as Discord's
PRONOUNS_MAX_CHARS: Final = 40  # as Discord's
LINKS_MAX: Final = 5
LABEL_MAX_CHARS: Final = 40
URL_MAX_CHARS: Final = 512
HIDE_APPLICATIONS_MAX: Final = 100
CONNECTED_ACCOUNTS_MAX: Final = 50
TIME_MAX_MS: Final = 253_402_300_799_999  # the last of the year 9999: no date shows a later one
_ACCOUNT_MAX_CHARS: Final = 256

_ID: Final = re.compile(r"[1-9][0-9]{14,19}", re.ASCII)
_ACCOUNT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}:[^\s:].*", re.ASCII)
_URL: Final = re.compile(r"https?://[^\s\\<>\"^`{|}]+", re.IGNORECASE)
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


class InvalidSettings(Exception):
    """Raised when a change is not allowed. The text is for the person who wants it."""

    def __init__(self, field: str, message: str) -> None:
        """`field`: the name of the setting."""
        super().__init__(message)
        self.field = field


class UserSettings(Struct, frozen=True, omit_defaults=True):
    """One person's choices. The defaults are those of a person who has chosen nothing."""

    visible: bool = True
    paused_until: int = 0  # ms since 1970; until then as if `visible` were false
    opted_in: bool = False  # counts with CONSENT=asking
    hide: tuple[HideableField, ...] = ()  # in the order of HIDEABLE_FIELDS, each once
    hide_applications: tuple[str, ...] = ()  # ids, sorted
    connected_accounts: tuple[str, ...] = ()  # those to show, each `type:id`, as chosen
    bio: str | None = None
    pronouns: str | None = None
    links: tuple[Link, ...] = ()
    history: HistoryLevel = "off"


DEFAULTS: Final = UserSettings()


def is_shown(settings: UserSettings, consent: Consent, now_ms: int) -> bool:
    """Whether anything of the person may be shown at all."""
    if not settings.visible or settings.paused_until > now_ms:
        return False
    return settings.opted_in or consent == "joining"


def as_json(settings: UserSettings) -> dict[str, object]:
    """Every setting by its name, for JSON."""
    return {
        "visible": settings.visible,
        "hide": list(settings.hide),
        "hide_applications": list(settings.hide_applications),
        "connected_accounts": list(settings.connected_accounts),
        "bio": settings.bio,
        "pronouns": settings.pronouns,
        "links": [{"label": link.label, "url": link.url} for link in settings.links],
        "paused_until": settings.paused_until,
        "opted_in": settings.opted_in,
        "history": settings.history,
    }


def patched(settings: UserSettings, patch: Mapping[str, object]) -> UserSettings:
    """`settings` with what `patch` names; null resets a setting. Raises InvalidSettings.

    `"visible": true` also opts in, unless the patch says otherwise.
    """
    changes: dict[str, object] = {}
    if patch.get("visible") is True:
        changes["opted_in"] = True
    for name, value in patch.items():
        parse = _PARSERS.get(name)
        if parse is None:
            raise InvalidSettings(
                _shortened(name), f"There is no such setting. Settings are {', '.join(_PARSERS)}."
            )
        changes[name] = getattr(DEFAULTS, name) if value is None else parse(name, value)
    return replace(settings, **changes)


def encode(settings: UserSettings) -> bytes:
    """As JSON, without what is at its default."""
    return msgspec.json.encode(settings)


def decode(json: bytes) -> UserSettings:
    """What `encode` has made. Raises msgspec.DecodeError."""
    return _decode(json)


_decode: Final = msgspec.json.Decoder(UserSettings).decode


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidSettings(name, f"{name} has to be true or false.")
    return value


def _time(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= TIME_MAX_MS:
        raise InvalidSettings(
            name, f"{name} has to be a time in milliseconds since 1970, or 0 for none."
        )
    return value


def _hide(name: str, value: object) -> tuple[HideableField, ...]:
    chosen = set(_texts(name, value))
    unknown = sorted(chosen.difference(HIDEABLE_FIELDS))
    if unknown:
        raise InvalidSettings(
            name,
            f'{name} cannot contain "{_shortened(unknown[0])}". '
            f"What can be hidden: {', '.join(HIDEABLE_FIELDS)}.",
        )
    return tuple(field for field in HIDEABLE_FIELDS if field in chosen)


def _applications(name: str, value: object) -> tuple[str, ...]:
    chosen = set(_texts(name, value))
    if len(chosen) > HIDE_APPLICATIONS_MAX:
        raise InvalidSettings(name, f"{name} can hold {HIDE_APPLICATIONS_MAX} ids at most.")
    if not all(_ID.fullmatch(text) for text in chosen):
        raise InvalidSettings(
            name,
            f"{name} has to be a list of application ids: texts of 15 to 20 digits, like "
            '"383226320970055681".',
        )
    return tuple(sorted(chosen, key=int))


def _history(name: str, value: object) -> HistoryLevel:
    for level in HISTORY_LEVELS:
        if value == level:
            return level
    raise InvalidSettings(name, f"{name} has to be one of {', '.join(HISTORY_LEVELS)}.")


def _accounts(name: str, value: object) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(_texts(name, value)))
    if len(chosen) > CONNECTED_ACCOUNTS_MAX:
        raise InvalidSettings(name, f"{name} can hold {CONNECTED_ACCOUNTS_MAX} accounts at most.")
    for text in chosen:
        if len(text) > _ACCOUNT_MAX_CHARS or not _ACCOUNT.fullmatch(text) or _refused_in(text):
            raise InvalidSettings(
                name, f'{name} has to be a list of texts "type:id", like "github:1234567".'
            )
    return chosen


def _bio(name: str, value: object) -> str | None:
    return _text(name, value, BIO_MAX_CHARS, lines=True) or None


def _pronouns(name: str, value: object) -> str | None:
    return _text(name, value, PRONOUNS_MAX_CHARS) or None


def _links(name: str, value: object) -> tuple[Link, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidSettings(name, f'{name} has to be a list of objects with "label" and "url".')
    if len(value) > LINKS_MAX:
        raise InvalidSettings(name, f"{name} can hold {LINKS_MAX} links at most.")
    return tuple(_link(f"{name}[{position}]", one) for position, one in enumerate(value))


def _link(name: str, value: object) -> Link:
    if not isinstance(value, Mapping) or set(value) != {"label", "url"}:
        raise InvalidSettings(name, f'{name} has to be an object with "label" and "url" alone.')
    label = _text(f"{name}.label", value["label"], LABEL_MAX_CHARS)
    if not label:
        raise InvalidSettings(f"{name}.label", f"{name}.label is empty. Write what the link is.")
    return Link(label, _url(f"{name}.url", value["url"]))


def _url(name: str, value: object) -> str:
    url = _text(name, value, URL_MAX_CHARS)
    if not _URL.fullmatch(url):
        raise InvalidSettings(
            name, f"{name} has to be an address that begins with https:// or http://."
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host:
        raise InvalidSettings(name, f"{name} is not a complete address: check the host and port.")
    if "@" in parts.netloc:
        raise InvalidSettings(
            name, f"{name} contains a user name or a password. Remove it, because links are public."
        )
    return url


def _texts(name: str, value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise InvalidSettings(name, f"{name} has to be a list of texts.")
    return list(value)


def _text(name: str, value: object, max_chars: int, *, lines: bool = False) -> str:
    """The text in Unicode's composed form, without space around it."""
    if not isinstance(value, str):
        raise InvalidSettings(name, f"{name} has to be a text.")
    if len(value) > 8 * max_chars:  # composing makes it shorter, but not that much
        raise InvalidSettings(name, f"{name} can have {max_chars} characters at most.")
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _refused_in(text.replace("\n", "") if lines else text):
        what = "control characters" if lines else "line breaks or control characters"
        raise InvalidSettings(name, f"{name} cannot contain {what}. Write it as plain text.")
    text = unicodedata.normalize("NFC", text)
    if len(text) > max_chars:
        raise InvalidSettings(
            name, f"{name} can have {max_chars} characters at most, and this has {len(text)}."
        )
    return text


def _refused_in(text: str) -> bool:
    """Whether it has characters that are not seen, and change how the text around is shown."""
    return any(
        char in _BIDI_CONTROLS or unicodedata.category(char) in _REFUSED_CATEGORIES for char in text
    )


def _shortened(text: str) -> str:
    shown = "".join(char for char in text[:40] if char.isprintable())
    return shown if len(text) <= 40 else shown + "…"


_PARSERS: Final[Mapping[str, Callable[[str, object], object]]] = {
    "visible": _switch,
    "hide": _hide,
    "hide_applications": _applications,
    "connected_accounts": _accounts,
    "bio": _bio,
    "pronouns": _pronouns,
    "links": _links,
    "paused_until": _time,
    "opted_in": _switch,
    "history": _history,
}
