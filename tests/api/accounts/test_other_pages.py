"""The pages around /me: signing in, the commands instead, erasing, and what went wrong."""

from __future__ import annotations

import pytest

from services.api.accounts import other_pages
from tests.api.accounts.page_reader import HOSTILE, PageReader


@pytest.mark.parametrize(
    "html",
    [
        other_pages.sign_in(HOSTILE),
        other_pages.erase(HOSTILE),
        other_pages.message(HOSTILE, [HOSTILE], links=[(HOSTILE, HOSTILE)]),
    ],
)
def test_hostile_texts_are_text(html: bytes) -> None:
    """Addresses, tokens and messages are escaped."""
    assert b"<script>" not in html
    assert PageReader(html).inline == []


def test_erasing_asks_for_a_word() -> None:
    """What is erased, and whether the person stays hidden: where they would be shown again."""
    found = PageReader(other_pages.erase("t0ken"))
    assert found.tokens == {"../me/erase": ["t0ken"]}
    assert found.labelled == ["stay_hidden-on", "confirm"]
    assert dict(found.fields)["stay_hidden"] == "on"
    assert "shows your presence again" in found.text
    asked = PageReader(other_pages.erase("t0ken", consent="asking"))
    assert asked.labelled == ["confirm"]
    assert "shows your presence again" not in asked.text
    wrong = other_pages.erase("t0ken", wrong=True)
    assert b'Nothing was erased: type "erase" first.' in wrong
    assert b'aria-invalid="true"' in wrong


@pytest.mark.parametrize(
    ("typed", "confirmed"), [("erase", True), (" Erase ", True), ("", False), ("yes", False)]
)
def test_the_word_is_easy_to_type(typed: str, confirmed: bool) -> None:
    """Capitals and spaces around it do not matter."""
    assert other_pages.is_confirmed(typed) is confirmed


@pytest.mark.parametrize("done", other_pages.ERASED)
def test_the_end_says_what_is_kept(done: str) -> None:
    """Nothing, or that the person stays hidden."""
    text = PageReader(other_pages.erased(done)).text
    assert "Everything is erased" in text
    assert ("not to be shown" in text) == (done == "erased-hidden")


def test_without_signing_in_the_commands_are_explained() -> None:
    """Each command, and that only the person sees the answers."""
    text = PageReader(other_pages.commands()).text
    for command in other_pages.COMMANDS:
        assert command in text
    assert "Only you see the answers" in " ".join(text.replace("\n", " ").split())
