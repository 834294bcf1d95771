"""The form of the builder on the page at /: one control for each option of what it builds.

Which options there are is not written here. Those of pictures are the query parameters in
/openapi.json, those of the widget come from its source. An option without an entry in CONTROLS gets
a plain text field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from msgspec import Struct

from services.api.endpoints.widget_attributes import Attributes
from services.api.openapi import cards

LOOK: Final = "Look"
HIDE: Final = "Hide here"
_SEPARATE: Final = "hide"  # the widget's attribute that holds any number of words


_HEX: Final = "([0-9a-fA-F]{6}|[0-9a-fA-F]{3})"


class Select(Struct, frozen=True, kw_only=True):
    """One of these values. The first is the default."""

    label: str
    values: tuple[tuple[str, str], ...]  # and their labels
    group: str = LOOK


class Toggle(Struct, frozen=True, kw_only=True):
    """`true` or `false`."""

    label: str
    on: bool = False  # the default
    group: str = LOOK


class NumberField(Struct, frozen=True, kw_only=True):
    """Pixels."""

    label: str
    low: int
    high: int
    default: int
    group: str = LOOK


class ColorField(Struct, frozen=True, kw_only=True):
    """Hex digits, or one of the words."""

    label: str
    digits: str = _HEX  # a regular expression
    max_chars: int = 6
    example: str = "5865f2"
    group: str = LOOK


class TextField(Struct, frozen=True, kw_only=True):
    """Any text."""

    label: str
    max_chars: int
    default: str = ""  # also means that an empty text differs from none
    placeholder: str = ""
    pattern: str = ""  # a regular expression
    group: str = LOOK


class WordList(Struct, frozen=True, kw_only=True):
    """Any number of these words."""

    words: tuple[str, ...]
    group: str = HIDE


Control = Select | Toggle | NumberField | ColorField | TextField | WordList


def _named(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


_LANGUAGE: Final = Select(
    label="Language",
    values=(
        *(("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("fr", "Français")),
        *(("ja", "日本語"), ("pt-BR", "Português")),
    ),
)
_GROUND: Final = "([0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})"

CARD_CONTROLS: Final[Mapping[str, Control]] = {
    "theme": Select(label="Theme", values=_named("dark", "light", "auto")),
    "layout": Select(label="Layout", values=_named("full", "compact", "minimal", "wide")),
    "width": NumberField(label="Width", low=300, high=900, default=450),
    "borderRadius": NumberField(label="Corner radius", low=0, high=60, default=16),
    "bg": ColorField(
        label="Background",
        digits=f"transparent|{_GROUND}|([0-9]{{1,3}},)?{_GROUND}(,{_GROUND}){{1,4}}",
        max_chars=48,
        example="0d1117",
    ),
    "accent": ColorField(label="Accent"),
    "clanBackgroundColor": ColorField(label="Behind the server tag", example="1a1c1f"),
    "idleMessage": TextField(
        label="Text without an activity",
        max_chars=150,
        placeholder="I'm not currently doing anything!",
    ),
    "gradient": TextField(
        label="Gradient of the name",
        max_chars=34,
        placeholder="ff5fa2-5b8cff",
        pattern=f"{_HEX}(-{_HEX}){{1,4}}",
    ),
    "lang": _LANGUAGE,
    "showBanner": Select(
        label="Banner",
        values=(("false", "none"), ("true", "still"), ("animated", "animated")),
    ),
    "showDisplayName": Toggle(label="Display name", on=True),
    "nameStyle": Toggle(label="Style of the name", on=True),
    "nameplate": Toggle(label="Nameplate"),
    "animated": Toggle(label="Animation", on=True),
    "animatedNameplate": Toggle(label="Animated nameplate", on=True),
    "animatedDecoration": Toggle(label="Animated decoration", on=True),
    "hideActivity": Select(
        label="Activity",
        values=(("false", "show"), ("true", "hide"), ("whenNotUsed", "hide while there is none")),
        group=HIDE,
    ),
    "ignoreAppId": TextField(
        label="Applications (ids)",
        max_chars=1050,
        placeholder="383226320970055681",
        pattern="[0-9, ]*",
        group=HIDE,
    ),
    "hideStatus": Toggle(label="Custom status", group=HIDE),
    "hideBadges": Toggle(label="Badges", group=HIDE),
    "hideTag": Toggle(label="Server tag", group=HIDE),
    "hideDecoration": Toggle(label="Avatar decoration", group=HIDE),
    "hideTimestamp": Toggle(label="Times and bars", group=HIDE),
    "hideSpotify": Toggle(label="Spotify", group=HIDE),
    "hideProfile": Toggle(label="Profile", group=HIDE),
}

NOW_PLAYING_CONTROLS: Final[Mapping[str, Control]] = {
    **CARD_CONTROLS,
    "idleMessage": TextField(
        label="Text without a song", max_chars=150, placeholder="Nothing is playing"
    ),
}

BADGE_CONTROLS: Final[Mapping[str, Control]] = {
    "show": Select(
        label="Show", values=_named("status", "activity", "listening", "spotify", "custom")
    ),
    "label": TextField(label="Left half", max_chars=80, default="discord"),
    "style": Select(label="Style", values=_named("flat", "flat-square", "for-the-badge")),
    "color": ColorField(label="Colour", digits="[0-9a-fA-F]{6}"),
    "lang": _LANGUAGE,
}

PICTURES: Final[Mapping[str, tuple[str, Mapping[str, Control]]]] = {
    "card": ("/card/{user_id}.svg", CARD_CONTROLS),
    "badge": ("/badge/{user_id}.svg", BADGE_CONTROLS),
    "now-playing": ("/now-playing/{user_id}.svg", NOW_PLAYING_CONTROLS),
}
"""By kind: the path in /openapi.json, and the controls of its parameters."""

_FILE: Final = Select(
    label="File", values=(("svg", "SVG: it moves"), ("png", "PNG: for sites without SVG"))
)
FILE: Final = "file"
"""Not a parameter: it chooses between /card/:id.svg and /card/:id.png."""


_WORD_LABELS: Final = {"clan": "Server tag"}
"""Of words of the widget that are not those of Discord."""

_NOTE: Final = (
    '<p class="note">This hides parts here only. To hide them from everyone, type '
    "<code>/grux</code> in Discord.</p>"
)


def controls_of(kind: str) -> dict[str, Control]:
    """Each query parameter of the picture, in the order of its controls."""
    path, known = PICTURES[kind]
    names = [
        parameter["name"]
        for parameter in cards.PATHS[path]["parameters"]
        if parameter["in"] == "query"
    ]
    order = {name: place for place, name in enumerate(known)}
    names.sort(key=lambda name: order.get(name, len(order)))
    return {name: known.get(name, TextField(label=name, max_chars=150)) for name in names}


def render(attributes: Attributes) -> str:
    """The fieldsets of all kinds. `attributes`: of the widget."""
    return "\n".join(
        [
            *_fieldsets("widget embed overlay", _of_widget(attributes)),
            *_fieldsets("card", {FILE: _FILE, **controls_of("card")}),
            *_fieldsets("badge", controls_of("badge")),
            *_fieldsets("now-playing", {FILE: _FILE, **controls_of("now-playing")}),
        ]
    )


def _of_widget(attributes: Attributes) -> dict[str, Control]:
    found = {name: _of_attribute(name, words) for name, words in attributes.items()}
    return dict(sorted(found.items(), key=lambda item: item[0] != "theme"))


def _of_attribute(name: str, words: tuple[str, ...]) -> Control:
    if name == _SEPARATE:
        return WordList(words=words)
    if not words:
        return Toggle(label=name.capitalize())
    return Select(label=name.capitalize(), values=(("", "default"), *_named(*words)))


def _fieldsets(kinds: str, controls: Mapping[str, Control]) -> Iterator[str]:
    for group in (LOOK, HIDE):
        shown = [
            _control(f"{kinds.partition(' ')[0]}-{name}", name, control)
            for name, control in controls.items()
            if control.group == group
        ]
        if shown:
            lines = "\n".join([*shown, *([_NOTE] if group == HIDE else [])])
            head = f'<fieldset data-kinds="{kinds}" hidden><legend>{group}</legend>'
            yield f"{head}\n{lines}\n</fieldset>"


def _control(key: str, name: str, control: Control) -> str:
    match control:
        case WordList(words=words):
            return "\n".join(
                _box(_label_of(word), f'name="{name}" value="{word}"') for word in words
            )
        case Toggle(label=label, on=on):
            return _box(label, f'name="{name}"{" checked" if on else ""}')
        case Select(label=label, values=values):
            options = "".join(
                f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in values
            )
            field = f'<select id="{key}" name="{name}">{options}</select>'
        case NumberField(label=label, low=low, high=high, default=default):
            field = (
                f'<input id="{key}" name="{name}" type="number" inputmode="numeric" '
                f'min="{low}" max="{high}" placeholder="{default}">'
            )
        case ColorField(label=label, digits=digits, max_chars=most, example=example):
            field = (
                f'<span class="pair">{_text(key, name, digits, most, example)}'
                f'<input type="color" aria-label="{escape(label)}: choose" value="#{example}">'
                "</span>"
            )
        case TextField(label=label):
            value = f' value="{escape(control.default)}"' if control.default else ""
            limits = control.pattern, control.max_chars, control.placeholder
            field = _text(key, name, *limits, more=value)
    return f'<p><label for="{key}">{escape(label)}</label>{field}</p>'


def _label_of(word: str) -> str:
    return _WORD_LABELS.get(word, word.replace("-", " ").capitalize())


def _text(
    key: str, name: str, pattern: str, max_chars: int, placeholder: str, more: str = ""
) -> str:
    checked = f' pattern="{escape(pattern)}"' if pattern else ""
    shown = f' placeholder="{escape(placeholder)}"' if placeholder else ""
    return (
        f'<input id="{key}" name="{name}" maxlength="{max_chars}" autocomplete="off" '
        f'spellcheck="false"{checked}{shown}{more}>'
    )


def _box(text: str, attributes: str) -> str:
    return f'<label class="box"><input type="checkbox" {attributes}> {escape(text)}</label>'
