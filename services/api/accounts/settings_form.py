"""The settings as the form at /me shows and sends them. Nothing here does I/O.

A browser sends nothing for a box without a tick, so the form names what is shown, not what is
hidden. It is sent as a whole: what it does not hold is off, or empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from shared.model.user_settings import (
    HIDEABLE_FIELDS,
    LINKS_MAX,
    Consent,
    HideableField,
    InvalidSettings,
    UserSettings,
)

PAUSES: Final = {1: "1 hour", 8: "8 hours", 24: "1 day", 168: "1 week"}
"""How long a pause may be, in hours."""

_HOUR_MS: Final = 3_600_000

Fields = Iterable[tuple[str, str]]
"""Names and values in the order in which they were sent."""


class SettingsForm(Struct, frozen=True, kw_only=True):
    """What the controls of the form hold. It may hold what is not allowed."""

    visible: bool = True
    pause: str = ""  # hours from now on; 0: no pause; empty: as it is
    show: frozenset[str] = frozenset(HIDEABLE_FIELDS)
    hide_applications: tuple[str, ...] = ()
    more_applications: str = ""  # ids that were typed
    connected: tuple[str, ...] = ()
    bio: str = ""
    pronouns: str = ""
    history: str = ""  # empty: as it is
    links: tuple[tuple[str, str], ...] = ()  # label and URL of each row with anything in it


def of_settings(settings: UserSettings, consent: Consent) -> SettingsForm:
    """The form of a person with these settings."""
    return SettingsForm(
        visible=settings.visible and (settings.opted_in or consent == "joining"),
        show=frozenset(HIDEABLE_FIELDS).difference(settings.hide),
        hide_applications=settings.hide_applications,
        connected=settings.connected_accounts,
        bio=settings.bio or "",
        pronouns=settings.pronouns or "",
        history=settings.history,
        links=tuple((link.label, link.url) for link in settings.links),
    )


def of_fields(fields: Fields) -> SettingsForm:
    """The form as a browser sends it. Unknown names are ignored."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)

    def one(name: str) -> str:
        return values.get(name, [""])[-1]

    rows = zip(values.get("link_label", []), values.get("link_url", []), strict=False)
    links = tuple((label.strip(), url.strip()) for label, url in rows)
    return SettingsForm(
        visible=bool(one("visible")),
        pause=one("pause"),
        show=frozenset(values.get("show", [])),
        hide_applications=tuple(values.get("hide_application", [])),
        more_applications=one("more_applications"),
        connected=tuple(values.get("connected", [])),
        bio=one("bio"),
        pronouns=one("pronouns"),
        history=one("history"),
        links=tuple(link for link in links if any(link))[: LINKS_MAX + 1],
    )


def patch(form: SettingsForm, now_ms: int) -> dict[str, object]:
    """What it changes, as for `PATCH /me`. Raises InvalidSettings."""
    hidden: list[HideableField] = [field for field in HIDEABLE_FIELDS if field not in form.show]
    typed = [part for part in re.split(r"[,;\s]+", form.more_applications) if part]
    changes: dict[str, object] = {
        "visible": form.visible,
        "hide": hidden,
        "hide_applications": list(dict.fromkeys((*form.hide_applications, *typed))),
        "connected_accounts": list(form.connected),
        "bio": form.bio,
        "pronouns": form.pronouns,
        "links": [{"label": label, "url": url} for label, url in form.links],
    }
    if form.history:
        changes["history"] = form.history
    if form.pause:
        changes["paused_until"] = _paused_until(form.pause, now_ms)
    return changes


def _paused_until(hours: str, now_ms: int) -> int:
    if hours == "0":
        return 0
    if not re.fullmatch(r"[0-9]{1,3}", hours) or int(hours) not in PAUSES:
        raise InvalidSettings("paused_until", "Choose one of the lengths of a pause.")
    return now_ms + int(hours) * _HOUR_MS
