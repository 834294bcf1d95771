"""The form of the builder at /: every option is there, and every value that it offers is taken."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import get_args

import pytest

from services.api.endpoints import builder_form, widget_attributes
from services.api.endpoints.builder_form import (
    FILE,
    ColorField,
    NumberField,
    Select,
    TextField,
    Toggle,
    controls_of,
)
from services.api.endpoints.static import WIDGET_DIR
from services.api.openapi import cards
from services.cards import badges, card_options, texts
from services.cards.texts import TEXTS

ATTRIBUTES = widget_attributes.read_attributes(WIDGET_DIR)
FORM = builder_form.render(ATTRIBUTES)
OF_THE_PAGE = {"user", "make", "as", FILE}


class Form(HTMLParser):
    """Collects the values that each control offers, by the kinds of its fieldset and its name."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: dict[tuple[str, str], list[str]] = {}
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self._kinds = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "fieldset":
            self._kinds = known["data-kinds"]
        if tag == "label" and "for" in known:
            self.labelled.append(known["for"])
        if "id" in known:
            self.ids.append(known["id"])
        if tag == "option":
            self.offered[self._kinds, self._select].append(known["value"])
        elif "name" in known:
            self._select = known["name"]
            values = self.offered.setdefault((self._kinds, known["name"]), [])
            values += [known["value"]] if "value" in known else []


def form() -> Form:
    found = Form()
    found.feed(FORM)
    return found


def names_of(kind: str) -> set[str]:
    return {name for kinds, name in form().offered if kind in kinds.split()}


def test_every_parameter_has_a_control() -> None:
    """Those of cards and badges, and every attribute of the widget."""
    assert names_of("card") - {FILE} == set(card_options.PARAMETERS)
    assert names_of("now-playing") - {FILE} == set(cards._NOW_PLAYING)
    assert names_of("badge") == {"show", "label", "style", "color", "lang"}
    for kind in ("widget", "embed", "overlay"):
        assert names_of(kind) == set(ATTRIBUTES)


def test_no_parameter_has_a_name_of_the_page() -> None:
    """The address of the page holds both."""
    names = {name for _, name in form().offered if name != FILE}
    assert names.isdisjoint(OF_THE_PAGE)


def test_every_control_has_one_label() -> None:
    """By an id that exists once."""
    found = form()
    assert sorted(found.ids) == sorted(set(found.ids)) == sorted(found.labelled)


@pytest.mark.parametrize("name", card_options.PARAMETERS)
def test_a_card_takes_every_value(name: str) -> None:
    """What the control offers is valid, and its default changes nothing."""
    control = controls_of("card")[name]
    default: str | None = None
    match control:
        case Select(values=values):
            offered = [value for value, _ in values]
            default = offered[0]
        case NumberField(low=low, high=high):
            offered = [str(low), str(high)]
            default = str(control.default)
        case ColorField(example=example):
            offered = [example]
        case Toggle(on=on):
            offered = ["true", "false"]
            default = str(on).lower()
        case _:
            offered = [control.placeholder] if isinstance(control, TextField) else []
    assert offered
    for value in offered:
        _, invalid = card_options.parse([(name, value)])
        assert invalid == [], value
    if default is not None:
        options, _ = card_options.parse([(name, default)])
        assert options == card_options.CardOptions()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bg", "0d1117"),
        ("bg", "abc"),
        ("bg", "0d111780"),
        ("bg", "transparent"),
        ("bg", "90,1e1b4b,7c3aed"),
        ("bg", "111111,222222,333333,444444,555555"),
        ("gradient", "ff5fa2-5b8cff"),
        ("accent", "f0c"),
        ("ignoreAppId", "383226320970055681,383226320970055682"),
    ],
)
def test_a_field_takes_what_a_card_takes(name: str, value: str) -> None:
    """Its pattern and its length do not forbid what is valid."""
    control = controls_of("card")[name]
    assert isinstance(control, ColorField | TextField)
    pattern = control.digits if isinstance(control, ColorField) else control.pattern
    assert re.fullmatch(pattern, value)
    assert len(value) <= control.max_chars
    assert card_options.parse([(name, value)])[1] == []


def test_all_choices_are_offered() -> None:
    """As the type of the option lists them."""
    choices = {
        "theme": card_options.Theme,
        "layout": card_options.Layout,
        "hideActivity": card_options.HideActivity,
        "lang": texts.Language,
        "showBanner": card_options.Banner,
    }
    for name, kind in choices.items():
        control = controls_of("card")[name]
        assert isinstance(control, Select)
        assert {value for value, _ in control.values} == set(get_args(kind))
    path, _ = builder_form.PICTURES["badge"]
    described = next(one for one in cards.PATHS[path]["parameters"] if one["name"] == "show")
    shown = controls_of("badge")["show"]
    assert isinstance(shown, Select)
    assert re.findall("`(.+?)`", described["description"]) == [value for value, _ in shown.values]
    style = controls_of("badge")["style"]
    assert isinstance(style, Select)
    assert [value for value, _ in style.values] == list(badges._DRAWN_STYLES)


def test_a_new_parameter_gets_a_text_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if nobody wrote a control for it."""
    path, _ = builder_form.PICTURES["card"]
    monkeypatch.setitem(builder_form.PICTURES, "card", (path, {}))
    assert set(controls_of("card")) == set(card_options.PARAMETERS)
    assert isinstance(controls_of("card")["theme"], TextField)


def test_the_examples_are_what_the_picture_says() -> None:
    """The text in place of an activity, and the one in place of a song."""
    texts = TEXTS["en"].activity
    for kind, text in (("card", texts.idle), ("now-playing", texts.silence)):
        control = controls_of(kind)["idleMessage"]
        assert isinstance(control, TextField)
        assert control.placeholder == text
