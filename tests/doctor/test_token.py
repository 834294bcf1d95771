"""What a token is told by its looks."""

from __future__ import annotations

import pytest

from services.doctor import token
from simulator import BOT_ID, DEFAULT_TOKEN


def test_a_bot_token_is_known_by_its_shape() -> None:
    """Three parts, of which the first names the bot."""
    assert token.shape(DEFAULT_TOKEN).level == "ok"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", "is not set"),
        (f"Bot {DEFAULT_TOKEN}", "'Bot' stands before it"),
        (f'"{DEFAULT_TOKEN}"', "quotation marks"),
        (DEFAULT_TOKEN.replace(".", ". ", 1), "a blank"),
        ("mfa.c1d2e3f4a5b6c7d8e9f0", "a person's"),
        (BOT_ID, "an id"),
        ("0123456789abcdef" * 4, "public key"),
        ("aB3-" * 8, "client secret"),
        ("something", "three parts"),
        ("aGVsbG8.simulator.not-a-secret", "does not name a bot"),
    ],
)
def test_what_else_was_copied_is_named(wrong: str, says: str) -> None:
    """The mistake is told and how to mend it, and nothing of the token is repeated."""
    found = token.shape(wrong)
    assert found.level == "failure"
    assert says in found.what
    assert "Reset Token" in found.do
    assert not wrong or wrong not in found.what + found.do
