"""The texts of the commands: complete in every language, and within Discord's limits."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.commands.definition import definition
from shared.commands.texts import ENGLISH, LANGUAGES, LOCALES, texts_for
from simulator.command_rules import LOCALES as DISCORD_LOCALES
from simulator.command_rules import problems_of

MAX_BUTTON = 80
MAX_PLACEHOLDER = 150
MAX_LABEL = 45
MAX_HINT = 100


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    for name, one in msgspec.to_builtins(value).items():
        if isinstance(one, dict):
            yield from flat(one, f"{path}{name}.")
        else:
            yield f"{path}{name}", one


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_the_issue_s_languages_are_there() -> None:
    """English, German, Portuguese, Spanish, French and Japanese."""
    served = {locale for locales in LOCALES.values() for locale in locales}
    assert served == {"en-US", "en-GB", "de", "pt-BR", "es-ES", "es-419", "fr", "ja"}
    assert served <= DISCORD_LOCALES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    """None is empty, has other placeholders than the English one, or was left in English."""
    english, texts = dict(flat(ENGLISH)), dict(flat(LANGUAGES[language]))
    assert [name for name, text in texts.items() if not text.strip() or text != text.strip()] == []
    differing = {name for name in texts if placeholders(texts[name]) != placeholders(english[name])}
    assert differing == set()
    if language != "en":
        same = {name for name, text in texts.items() if text == english[name]}
        assert same <= {
            *(f"parts.{name}" for name in ("status", "spotify", "badges")),
            *("profile.bio", "profile.links", "links.page", "links.card"),
        }


@pytest.mark.parametrize("language", LANGUAGES)
def test_commands_are_named_as_they_are_registered(language: str) -> None:
    """Where a text names a command, it is a real one, as it is typed in every language."""
    names = {"/grux", *(f"/grux {option['name']}" for option in definition()["options"])}
    for name, text in flat(LANGUAGES[language]):
        quoted = {part for part in text.split("`")[1::2] if part.startswith("/")}
        assert quoted <= names, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_lengths_keep_discords_limits(language: str) -> None:
    """Of buttons, placeholders, and what is in a modal. Messages: tests/gateway/commands."""
    texts = LANGUAGES[language]
    buttons = [texts.state.hide_all, texts.state.show_me, texts.state.end_pause]
    buttons += (texts.profile.edit_again, texts.key.create, texts.key.renew, texts.key.delete)
    buttons += (texts.data.erase_now, texts.data.erase_hidden, texts.data.keep)
    buttons += (texts.links.page, texts.links.card, texts.links.account, texts.links.privacy)
    assert max(map(len, (*buttons, texts.problems.try_again))) <= MAX_BUTTON
    chosen = (texts.state.choose_hidden, texts.state.choose_shown, texts.state.choose_applications)
    assert max(map(len, chosen)) <= MAX_PLACEHOLDER
    labels = (texts.profile.title, texts.profile.bio, texts.profile.pronouns, texts.profile.links)
    assert max(map(len, labels)) <= MAX_LABEL
    assert max(map(len, (texts.profile.bio_hint, texts.profile.links_hint))) <= MAX_HINT


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_button_that_a_text_names_is_called_so(language: str) -> None:
    """The question before an erasure names one of its buttons."""
    texts = LANGUAGES[language]
    assert texts.data.erase_hidden in texts.data.erase


def test_a_locale_without_texts_gets_english() -> None:
    """Also what is no locale at all."""
    assert texts_for("de") is LANGUAGES["de"]
    assert texts_for("es-419") is texts_for("es-ES") is LANGUAGES["es"]
    others: tuple[object, ...] = ("ko", "", "xx", None, 5, [])
    for other in others:
        assert texts_for(other) is ENGLISH


def test_the_definition_is_accepted() -> None:
    """By the rules of Discord's that the simulator knows."""
    assert problems_of(definition()) == {}
    assert [option["name"] for option in definition()["options"]] == [
        *("show", "hide", "pause", "history", "profile", "key", "links", "data", "erase")
    ]


def test_the_page_names_every_command() -> None:
    """docs/commands.md has a row for each, and each option of theirs."""
    page = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `/grux")}
    subcommands = {f"/grux {option['name']}": option for option in definition()["options"]}
    assert rows.keys() == subcommands.keys()
    for name, option in subcommands.items():
        assert [
            one["name"] for one in option["options"] if f"`{one['name']}`" not in rows[name]
        ] == []
