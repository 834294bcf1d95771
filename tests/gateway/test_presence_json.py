"""A presence that is as it should be is encoded in C, and to what sanitize.py would give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import presence_json, sanitize
from testing import samples

VALID: Final[Mapping[str, tuple[Any, ...]]] = {
    "id": ("spotify:1", ""),
    "name": ("Spotify", "日本", "x" * 512),
    "type": (0, 4),
    "created_at": (1750873861499, -1, 2**53 - 1),
    "timestamps": ({"start": 1}, {"end": 2, "start": 1}, {}),
    "application_id": ("383226320970055681", "0"),
    "parent_application_id": ("1" * 20,),
    "details": ("90mph",),
    "details_url": ("https://example.com",),
    "state": ("JBEE; Sillage",),
    "state_url": ("https://example.com",),
    "status_display_type": (1,),
    "url": ("https://twitch.tv/x",),
    "emoji": ({"name": "🎉"}, {"id": "1", "animated": True, "name": "party"}),
    "party": ({"id": "spotify:1"}, {"size": [1, 5], "id": "a"}),
    "assets": (
        {"large_image": "spotify:ab", "large_text": "90mph", "large_url": "https://example.com"},
        {"small_image": "1", "small_text": "a", "small_url": "b", "invite_cover_image": "c"},
    ),
    "instance": (True, False),
    "flags": (48,),
    "buttons": (["Watch"], [], ["a", "b", "c", "d", "e"]),
    "session_id": ("0a1b2c3d4e5f",),
    "platform": ("desktop", "ps5"),
    "sync_id": ("6uT2TsDrCrXue7ROEfNeGN",),
}
INVALID: Final[tuple[Any, ...]] = (
    *(None, True, 5, 5.0, 1.5, -1, 2**53, 2**70, float("nan")),
    *("", "5", "-5", "--5", "-", "x" * 513, "1" * 21, "1\n", "٣", "\ud800", "\x00"),
    *([], [1], [1, 2], ["1", 2.0], [1, 2, 3], [""], ["a"] * 6, [{"label": "a"}], [{}], "ab"),
    *({}, {"id": None}, {"id": 7}, {"start": "5"}, {"end": 1.5}, {"size": [True, 1]}, {"a": 1}),
)
CLIENTS: Final[tuple[Any, ...]] = (
    *({}, {"desktop": "online"}, {"web": "dnd", "vr": "idle"}, {"wearable_2": "online"}),
    *({"desktop": "offline"}, {"../x": "online"}, {"web\n": "idle"}, {"x" * 33: "idle"}),
    *({str(number): "online" for number in range(20)}, {"web": 5}, {"": "idle"}, [], None),
)

activities = st.fixed_dictionaries(
    {},
    optional={
        key: st.sampled_from((*values * 4, *INVALID, {"secret": 1}))
        for key, values in {**VALID, "secrets": ({"join": "x"},)}.items()
    },
)
presences = st.fixed_dictionaries(
    {
        "user": st.just({"id": "1"}),
        "status": st.sampled_from(("online", "idle", "dnd", "dnd", "offline", "away", None, [])),
        "client_status": st.sampled_from((*CLIENTS[:4] * 4, *CLIENTS)),
        "activities": st.lists(activities, max_size=3)
        | st.sampled_from(([{}] * 51, [None], ["x"], {}, None)),
    }
)


def online(**activity: Any) -> dict[str, Any]:
    return {
        "user": {"id": "1"},
        "status": "online",
        "client_status": {"desktop": "online"},
        "activities": [activity],
    }


@given(presences)
def test_both_ways_give_the_same(raw: dict[str, Any]) -> None:
    """To the byte, so that a presence that comes both ways does not count as changed."""
    sanitized = sanitize.presence(raw)
    expected = presence_json.of(sanitized)
    assert presence_json.well_formed(raw) in (expected, None)
    assert msgspec.json.decode(expected) == sanitized


@pytest.mark.parametrize("key", sanitize.ACTIVITY)
def test_each_key_of_an_activity_is_kept(key: str) -> None:
    """Of both ways, each valid value."""
    for value in VALID[key]:
        found = presence_json.well_formed(online(**{key: value}))
        assert found is not None
        assert msgspec.json.decode(found)["activities"] == [{key: value}]
        assert found == presence_json.of(sanitize.presence(online(**{key: value})))


@pytest.mark.parametrize("key", VALID)
def test_no_value_is_kept_that_sanitizing_would_change(key: str) -> None:
    """It is left to sanitize.py then."""
    for value in INVALID:
        raw = online(**{key: value})
        assert presence_json.well_formed(raw) in (presence_json.of(sanitize.presence(raw)), None)


def test_what_discord_sends_is_well_formed() -> None:
    """Captured payloads, where those files are at hand."""
    for case in samples.read("captured-payloads.json")["presence"]:
        event = case["payload"]["d"]
        if event.get("status") not in sanitize.STATUSES:
            continue
        found = presence_json.well_formed(event)
        assert found is not None, case
        assert msgspec.json.decode(found) == sanitize.presence(event)


def test_the_order_of_keys_does_not_count() -> None:
    """Of two shards, one may get them in another order, and it is no change."""
    raw = online(name="Code", type=0, assets={"large_text": "a", "small_text": "b"})
    turned = online(assets={"small_text": "b", "large_text": "a"}, type=0, name="Code")
    assert presence_json.well_formed(raw) == presence_json.well_formed(turned)


@pytest.mark.parametrize(
    "raw",
    [
        {"status": "online"},
        {"status": "online", "activities": []},
        {"status": "offline", "client_status": {}, "activities": []},
    ],
)
def test_a_partial_presence_is_not_well_formed(raw: dict[str, Any]) -> None:
    """What it lacks is taken from what is known; of an offline user nothing is kept."""
    assert presence_json.well_formed(raw) is None
