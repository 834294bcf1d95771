"""The cards' own words, in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from services.cards import card_model
from services.cards.card_options import CardOptions
from services.cards.problems import PROBLEMS, explanation
from services.cards.render.card import card, placeholder
from services.cards.render.text import Style, line, wrapped
from services.cards.render_jobs import DrawCard, DrawPlaceholder
from services.cards.texts import LANGUAGES, TEXTS, Language, language_of
from shared.commands.texts import LOCALES
from shared.model.snapshot import Presence, Timestamps
from tests.cards.sample_users import AT_WORK, AUDIBERT, EDITOR, LISTENING, NOTHING, NOW, like
from tests.cards.test_svg_safety import check_svg

FIELD = re.compile(r"\{(\w+)\}")


def every_text(part: Any, where: str = "") -> Iterator[tuple[str, str]]:
    for name, value in part.items():
        if isinstance(value, dict):
            yield from every_text(value, f"{where}{name}.")
        else:
            yield f"{where}{name}", value


def texts(language: Language) -> dict[str, str]:
    return dict(every_text(msgspec.to_builtins(TEXTS[language])))


def test_the_languages_are_those_of_the_commands() -> None:
    """Grux speaks the same ones everywhere."""
    assert set(LANGUAGES) == set(LOCALES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_fills_in_the_same_names(language: Language) -> None:
    """A name that is missing would not be shown, and another one would be an error."""
    english, own = texts("en"), texts(language)
    assert own.keys() == english.keys()
    for name, text in own.items():
        assert set(FIELD.findall(text)) == set(FIELD.findall(english[name])), name
    assert not (TEXTS[language].time.before_left and TEXTS[language].time.after_left)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fonts_have_every_letter(language: Language) -> None:
    """No word depends on the fonts of the reader."""
    for name, text in texts(language).items():
        assert all(run.font for run in line(text, Style(14)).runs), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_is_explained_in_whole(language: Language) -> None:
    """On a card of the usual width, no explanation is truncated."""
    assert TEXTS[language].problems.keys() == {problem.code for problem in PROBLEMS.values()}
    for problem in PROBLEMS.values():
        said = explanation(problem, language, None)
        lines = wrapped(said.text, Style(14), 350, 4)
        assert "".join(each.text for each in lines).replace(" ", "") == said.text.replace(" ", "")
        job = DrawPlaceholder(said.title, said.text, CardOptions(lang=language), False)
        check_svg(placeholder(job))


def test_the_way_into_a_server_is_named() -> None:
    """Where joining is the remedy."""
    for problem in PROBLEMS.values():
        named = "discord.gg/x" in explanation(problem, "de", "https://discord.gg/x").text
        assert named == (problem.code == "user_not_monitored")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "presence",
    [
        LISTENING,
        NOTHING,
        *(
            like(AT_WORK, activity=[like(EDITOR, type=kind, details=details)])
            for kind in ("Playing", "Listening", "Watching", "Streaming", "Competing", None)
            for details in ("Editing {name}", None)
        ),
        *(
            like(AT_WORK, activity=[like(EDITOR, timestamps=Timestamps(**times))])
            for times in (
                {"end": NOW + 90_000},
                {"end": NOW + 9 * 10**9},
                {"start": NOW - 9 * 10**9},
            )
        ),
    ],
)
def test_every_card_can_be_drawn(language: Language, presence: Presence) -> None:
    """Braces in what people write are text."""
    options = CardOptions(lang=language)
    model, _ = card_model.build(like(AUDIBERT, display_name="{0} {status}"), presence, options)
    for silent_for in (75, 700, 90_000):
        svg = card(DrawCard(model, options, {}, NOW, silent_for, False))
        check_svg(svg)
    assert "{0} {status}" in svg


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de-AT", "de"), ("pt", "pt-BR"), ("PT_br", "pt-BR"), ("ja", "ja"), ("xx", None), ("", None)],
)
def test_locales(locale: str, language: Language | None) -> None:
    """As browsers and Discord write them."""
    assert language_of(locale) == language
