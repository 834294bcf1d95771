"""Which texts are ids, and what is said about the others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.discord import snowflake

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def id_from(moment: datetime) -> str:
    return str((int(moment.timestamp() * 1000) - snowflake.DISCORD_EPOCH_MS) << 22)


@pytest.mark.parametrize("text", ["100000000000000", "1274150219482660897", id_from(NOW)])
def test_ids(text: str) -> None:
    assert snowflake.parse(text, NOW) == int(text)


def test_ids_have_19_digits_at_most_for_decades() -> None:
    """So nothing may promise that ids of 20 digits work."""
    assert snowflake.created_ms(10**19) > datetime(2090, 1, 1, tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("<@1274150219482660897>", "a mention"),
        ("<@!1274150219482660897>", "a mention"),
        ("<@&1274150219482660897>", "not of a user"),
        ("<#1274150219482660897>", "not of a user"),
        ("https://discord.com/users/1274150219482660897", "a URL"),
        ("discord.gg/abc", "a URL"),
        ("https:%2F%2Fdiscord.com%2Fusers%2F1274150219482660897", "a URL"),
        ("robin", "other characters than digits"),
        ("1274150219482660897 ", "other characters than digits"),
        ("1274150219482660897\n", "other characters than digits"),
        ("١٢٧٤١٥٠٢١٩٤٨٢٦٦٠٨٩٧", "other characters than digits"),
        ("01274150219482660897", "begins with 0"),
        ("12345678901234", "too short"),
        ("12741502194826608970", "too long"),
        ("18446744073709551615", "too long"),
        ("9223372036854775807", "from the future"),
    ],
)
def test_problems(text: str, said: str) -> None:
    """The sentence names what is wrong with this very text."""
    assert snowflake.parse(text) is None
    assert said in snowflake.problem(text)


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{12,22}", fullmatch=True))
def test_any_text(text: str) -> None:
    """An id, or a sentence that repeats nothing of it."""
    if snowflake.parse(text) is None:
        said = snowflake.problem(text)
        assert said.endswith(".")
        assert len(text) < 8 or text not in said
