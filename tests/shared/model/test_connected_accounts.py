"""Which of a user's connections may be shown, and what Discord's answer may contain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.discord.connection_links import shown_accounts
from shared.model.connected_accounts import MAX_CONNECTIONS, OwnConnection, own_connections
from shared.model.snapshot import ConnectedAccount

GITHUB = OwnConnection("github", "4200042", "robin-k", verified=True, visibility=1)


def entry(**changed: Any) -> dict[str, Any]:
    """A connection as Discord gives it, which may be shown."""
    shown = {
        "type": "github",
        "id": "4200042",
        "name": "robin-k",
        "verified": True,
        "visibility": 1,
        "revoked": False,
        "show_activity": False,
        "friend_sync": False,
        "two_way_link": False,
        "integrations": [],
        "metadata_visibility": 1,
    }
    return shown | changed


def test_an_answer_is_read_in_its_order() -> None:
    """Several accounts of one kind are several connections."""
    answer = [entry(), entry(type="twitch", id="1001"), entry(type="twitch", id="1002")]
    assert [one.key for one in own_connections(answer)] == [
        "github:4200042",
        "twitch:1001",
        "twitch:1002",
    ]
    assert own_connections([entry()]) == [GITHUB]


@pytest.mark.parametrize(
    "hidden",
    [
        {"visibility": 0},
        {"visibility": 2},
        {"visibility": True},
        {"visibility": None},
        {"verified": False},
        {"verified": "yes"},
        {"revoked": True},
        {"revoked": None},
        {"name": None},
        {"name": "\u202e\u200b"},
        {"type": "contacts"},
    ],
)
def test_what_discord_would_hide_is_not_shown(hidden: dict[str, Any]) -> None:
    """An account is shown if it is visible to everyone, verified, not revoked and has a name."""
    [one] = own_connections([entry(**hidden)])
    assert not one.may_be_shown
    assert shown_accounts([one], [one.key]) == []


def test_optional_fields_may_be_missing() -> None:
    """An answer without `revoked` means that the link is not broken."""
    fields = ("type", "id", "name", "verified", "visibility")
    assert own_connections([{name: entry()[name] for name in fields}]) == [GITHUB]


def test_only_the_chosen_accounts_are_shown() -> None:
    """The user chooses accounts, not kinds."""
    connections = own_connections(
        [entry(), entry(type="twitch", id="1001", name="one"), entry(type="twitch", id="2")]
    )
    assert shown_accounts(connections, ()) == []
    assert shown_accounts(connections, ["twitch:1001", "youtube:7"]) == [
        ConnectedAccount("twitch", "one", "https://www.twitch.tv/one")
    ]


def test_a_kind_that_is_not_known_has_no_link() -> None:
    """New platforms are shown by their name."""
    connections = own_connections([entry(type="newservice")])
    assert shown_accounts(connections, ["newservice:4200042"]) == [
        ConnectedAccount("newservice", "robin-k", None)
    ]


def test_names_lose_what_is_not_visible() -> None:
    """Markup is text; control and direction characters are dropped."""
    [one] = own_connections([entry(name="<b>ro\u202ebin</b>\u200b\n")])
    assert one.name == "<b>robin</b>"


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "github",
        [],
        {},
        entry(type=None),
        entry(type=""),
        entry(type="a:b"),
        entry(id=7),
        entry(id=""),
        entry(id="\ud800"),
        entry(id="x" * 257),
    ],
)
def test_what_names_no_account_is_left_out(broken: object) -> None:
    """The other entries are kept."""
    assert own_connections([broken, entry()]) == [GITHUB]


@pytest.mark.parametrize("answer", [None, {}, "", 0, [], {"type": "github"}])
def test_an_answer_without_connections(answer: object) -> None:
    """Discord may answer null."""
    assert own_connections(answer) == []


def test_repeated_and_excessive_entries() -> None:
    """Each account counts once, and there is a limit."""
    assert own_connections([entry(), entry(name="other")]) == [GITHUB]
    many = [entry(id=str(number)) for number in range(MAX_CONNECTIONS + 50)]
    assert len(own_connections(many)) == MAX_CONNECTIONS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(sorted(entry())) | st.text(), inner, max_size=8)
        ),
    )
)
def test_any_json_is_accepted(answer: object) -> None:
    """Nothing that a server may answer raises an error."""
    for one in own_connections(answer):
        shown_accounts([one], [one.key])
