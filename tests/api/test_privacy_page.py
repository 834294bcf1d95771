"""/privacy: what it says follows the settings."""

from __future__ import annotations

import re
from html import unescape

import pytest
from msgspec import structs

from services.api.endpoints.docs import privacy_page
from shared.config import ApiSettings

SIGN_IN = ApiSettings(discord_client_secret="s" * 32)


def shown(settings: ApiSettings) -> str:
    """The text of the page in one line."""
    html = privacy_page.render(settings).decode()
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_without_signing_in_the_commands_are_the_way() -> None:
    """No page, no cookie, no token is named that is not there."""
    html = privacy_page.render(ApiSettings()).decode()
    text = shown(ApiSettings())
    assert 'href="me"' not in html
    assert "/grux data" in text
    assert "/grux erase" in text
    assert "sets no cookies" in text
    assert "Discord's tokens" not in text
    assert "Authorized Apps" not in text


def test_signing_in_is_described_where_it_is_set_up() -> None:
    """What is stored because of it, and how consent is withdrawn."""
    text = shown(SIGN_IN)
    assert 'href="me"' in privacy_page.render(SIGN_IN).decode()
    for part in ("connected accounts, if you sign in", "Discord's tokens", "Authorized Apps"):
        assert part in text
    assert "sets cookies only when you sign in" in text


@pytest.mark.parametrize(("days", "text"), [(1, "1 day at most"), (30, "30 days at most")])
def test_it_says_how_long_a_history_is_kept(days: int, text: str) -> None:
    """HISTORY_DAYS."""
    assert f" {text}, 200 activities at most" in shown(ApiSettings(history_days=days))


@pytest.mark.parametrize("settings", [ApiSettings(), SIGN_IN])
@pytest.mark.parametrize(
    ("consent", "why", "after"),
    [
        ("joining", "You are shown because you share a Discord server", "shown again, like anyone"),
        ("asking", "You are shown because you have asked for it", "not shown again unless you ask"),
    ],
)
def test_it_says_why_people_are_shown(
    settings: ApiSettings, consent: str, why: str, after: str
) -> None:
    """And what happens after erasing."""
    text = shown(structs.replace(settings, consent=consent))
    assert why in text
    assert after in text


@pytest.mark.parametrize("settings", [ApiSettings(discord_invite="https://a.b/?c&d"), SIGN_IN])
def test_no_placeholder_is_left(settings: ApiSettings) -> None:
    """And the invite is escaped."""
    html = privacy_page.render(settings).decode()
    assert "$" not in html
    assert "?c&d" not in html
