"""What people paste where an id belongs is recognised, and nothing of it is repeated but an id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.discord import snowflake
from shared.discord.id_hints import MAX_CHARS, hint, looks_rounded

ID = "1274150219482660897"
THE_ID = f" The id in it is {ID}."
USERNAME = "This looks like a username."
INVITATION = "This is an invitation to a server."
ADDRESS = "This is an address."
SEPARATED = "An id has only digits, without anything between or around them."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "The id is empty."),
        ("  ", "The id is empty."),
        (f"<@{ID}>", "This is a mention." + THE_ID),
        (f"<@!{ID}>", "This is a mention." + THE_ID),
        (f"@{ID}", "This is a mention." + THE_ID),
        (f"<@{ID}", "This is a mention." + THE_ID),
        ("<@9999999999999999999>", "This is a mention."),
        (f"<@&{ID}>", "This is what Discord writes for a role"),
        (f"<#{ID}>", "This is what Discord writes for a role"),
        (f"<a:wave:{ID}>", "This is what Discord writes for a role"),
        ("https://discord.gg/grux", INVITATION),
        ("https:/discord.gg/grux", INVITATION),
        ("discord.gg/grux", INVITATION),
        ("www.discord.gg/grux", INVITATION),
        ("discord.com/invite/grux", INVITATION),
        ("https://discordapp.com/invite/grux", INVITATION),
        (f"https://discord.com/users/{ID}", ADDRESS + THE_ID),
        (f"discord://-/users/{ID}", ADDRESS + THE_ID),
        (f"https://cdn.discordapp.com/avatars/{ID}/a_b.gif?size=64", ADDRESS + THE_ID),
        (f"https://grux.example.org/user/{ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/u/{ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/?user={ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/?make=card&user={ID}&theme=dark", ADDRESS + THE_ID),
        (f"https://grux.example.org/users?ids={ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/events?user_id={ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/history/{ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/now-playing/{ID}.svg?width=320", ADDRESS + THE_ID),
        (f"https://grux.example.org/overlay/{ID}?size=compact", ADDRESS + THE_ID),
        (f"grux.example.org/embed/{ID}", ADDRESS + THE_ID),
        (f"https://grux.example.org/avatar/{ID}.png", ADDRESS + THE_ID),
        (f"https://discord.com/channels/{ID}", "This is the link to a server."),
        (f"https://discord.com/channels/{ID}/{ID}", "This is the link to a channel."),
        (f"https://discord.com/channels/@me/{ID}/{ID}", "This is the link to a message."),
        (f"https://cdn.discordapp.com/icons/{ID}/a.png", "This is the address of a server's"),
        ("https://example.org/", "This is an address, not an id"),
        ("user/robin", "This is an address, not an id"),
        (
            "1,274,150,219,482,660,897",
            SEPARATED + THE_ID,
        ),
        ("1274150219 482660897", SEPARATED + THE_ID),
        (f" {ID}", SEPARATED + THE_ID),
        (f"{ID}\n", SEPARATED + THE_ID),
        (f"\u200b{ID}\ufeff", SEPARATED + THE_ID),
        (f"{ID}.0", "This is not an id, because it has other characters"),
        ("1.27415E+18", "A spreadsheet has shortened this id"),
        ("1,27415e18", "A spreadsheet has shortened this id"),
        ("١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨", "These are digits of another script."),
        ("robin", USERNAME),
        ("@robin.42_", USERNAME),
        ("Robin", USERNAME),
        ("Robin Hood#0042", USERNAME),
        ("0123456789abcdef" * 2, "This looks like the name of a picture"),
        ("a_" + "0123456789abcdef" * 2, "This looks like the name of a picture"),
        ("M" * 24 + ".Gabcde." + "x" * 38, "This looks like a token, which is a password."),
        ("Robin Hood", "This is not an id, because it has other characters than digits"),
        ("Ünal", "This is not an id, because it has other characters than digits"),
        ("42", "This is too short for an id."),
        ("0" + ID, "This is not an id, because it begins with 0."),
        ("1" * 25, "This is too long for an id."),
        ("x" * (MAX_CHARS + 1), "This is too long for an id."),
        ("9223372036854775807", "This id is from the future"),
    ],
)
def test_what_it_is(text: str, expected: str) -> None:
    """And where the id is, if there is one."""
    assert hint(text).startswith(expected)
    assert ("The id in it is" in hint(text)) == expected.endswith(THE_ID)


@given(st.text(max_size=300) | st.from_regex(r"[<@!#&0-9a-z./:_ -]{0,40}"))
def test_nothing_is_repeated(text: str) -> None:
    """Any text gets whole printable sentences, without a piece of it."""
    found = hint(text)
    assert found.isprintable()
    assert found.endswith(".")
    assert not set('<>&"') & set(found)
    digits = found.rpartition("The id in it is ")[2].rstrip(".")
    assert not digits.isdecimal() or snowflake.parse(digits) is not None


def test_rounded_ids() -> None:
    """What 64-bit floats leave of an id ends with zeros."""
    assert looks_rounded(int(float(ID)) // 1000 * 1000)
    assert not looks_rounded(int(ID))
