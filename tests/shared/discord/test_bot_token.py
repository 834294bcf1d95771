"""What the first part of a bot token says."""

from __future__ import annotations

import pytest

from shared.discord import bot_token
from simulator import BOT_ID, DEFAULT_TOKEN


def test_a_token_names_its_bot() -> None:
    """And the id gives the part again."""
    assert bot_token.bot_id(DEFAULT_TOKEN) == int(BOT_ID)
    assert bot_token.first_part(int(BOT_ID)) == DEFAULT_TOKEN.partition(".")[0]


@pytest.mark.parametrize(
    "token", ["", "abc", "aGVsbG8.x.y", "!!!!.x.y", "MTIz.x.y", "\N{GREEK SMALL LETTER ALPHA}.x.y"]
)
def test_another_beginning_names_none(token: str) -> None:
    """No base64, no number, or a number that is no Discord id."""
    assert bot_token.bot_id(token) is None


def test_the_invitation_names_the_bot() -> None:
    """As Discord's OAuth2 page wants it."""
    assert bot_token.invite_url(1).endswith("client_id=1&scope=bot")
