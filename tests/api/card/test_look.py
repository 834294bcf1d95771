"""Query parameters: what can be used is, and nothing else does any harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.card import look
from services.api.card.look import Look


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Look()),
        ({"theme": "LIGHT"}, Look(theme="light")),
        ({"theme": "auto"}, Look(theme="auto")),
        ({"bg": "#0D1117"}, Look(bg="0d1117")),
        ({"bg": "fff"}, Look(bg="ffffff")),
        ({"bg": "transparent"}, Look(bg="transparent")),
        ({"borderRadius": "30px"}, Look(radius=30)),
        ({"borderRadius": "10.5"}, Look(radius=10)),
        ({"borderRadius": "9999"}, Look(radius=look.ROUNDEST)),
        ({"width": "1"}, Look(width=look.NARROWEST)),
        ({"width": "9000"}, Look(width=look.WIDEST)),
        ({"accent": "ff0055"}, Look(accent="ff0055")),
        ({"animated": "false"}, Look(animated=False)),
        ({"idleMessage": " Away "}, Look(idle_message="Away")),
        ({"showDisplayName": "false"}, Look(display_name=False)),
        ({"hideStatus": "true", "hideTag": "1"}, Look(hide_status=True, hide_tag=True)),
        ({"hideActivity": "whenNotUsed"}, Look(hide_activity="whenNotUsed")),
        ({"hideActivity": "true"}, Look(hide_activity="true")),
        (
            {"ignoreAppId": "383226320970055681, 1302143410907648071"},
            Look(ignored=frozenset({"383226320970055681", "1302143410907648071"})),
        ),
        ({"v": "2", "cache": "no"}, Look()),
    ],
)
def test_values_people_know(query: dict[str, str], wanted: Look) -> None:
    """As in lanyard-profile-readme; other names are passed over."""
    assert look.read(query.items()) == (wanted, [])


@pytest.mark.parametrize("name", look.NAMES)
def test_nonsense_is_named_and_counts_as_not_given(name: str) -> None:
    """A card with the default, and a header that says which parameter was of no use."""
    nonsense = "" if name == "idleMessage" else '"><script>'
    read, unusable = look.read([(name, nonsense)])
    assert read == Look()
    assert unusable == ([name] if nonsense else [])


def test_the_last_of_two_counts() -> None:
    """Whoever appends to an address overrides what stood there."""
    assert look.read([("theme", "dark"), ("theme", "light")]) == (Look(theme="light"), [])


@given(st.dictionaries(st.sampled_from(look.NAMES), st.text(max_size=400)))
def test_whatever_is_written_a_look_comes_out(query: dict[str, str]) -> None:
    """Within its bounds, and usable as a key."""
    read, _ = look.read(query.items())
    assert look.NARROWEST <= read.width <= look.WIDEST
    assert 0 <= read.radius <= look.ROUNDEST
    assert len(read.idle_message) <= look.LONGEST_IDLE
    assert len(read.ignored) <= look.MOST_IGNORED
    assert hash(read) == hash(look.read(query.items())[0])
