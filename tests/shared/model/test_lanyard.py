"""A user in Lanyard's form: each of Discord's samples, and everything else that may be in Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import sanitize
from services.gateway.state.user_cache import UserCache, merge_presence
from shared.model import lanyard
from testing import samples
from tests.gateway.rendering import NAMED

GOLDEN: dict[str, Any] = msgspec.json.decode(
    (Path(__file__).parent / "golden" / "lanyard.json").read_bytes()
)
USERS = {case: user for case, user in samples.users().items() if "id" in user}
KEYS = [
    "discord_user",
    "discord_status",
    "active_on_discord_web",
    "active_on_discord_desktop",
    "active_on_discord_mobile",
    "active_on_discord_embedded",
    "active_on_discord_vr",
    "listening_to_spotify",
    "spotify",
    "activities",
    "kv",
]


def saved(event: dict[str, Any]) -> bytes:
    """What the gateway saves of a user of whom only this event is known."""
    user = {**NAMED, **sanitize.user(event["user"])}
    cached = UserCache().add(int(user["id"]), user)
    assert cached is not None
    merge_presence(cached, 1, event)
    return cached.discord()


def shown(discord: bytes | dict[str, Any], kv: bytes = lanyard.NO_KV) -> dict[str, Any]:
    raw = discord if isinstance(discord, bytes) else msgspec.json.encode(discord)
    found = lanyard.presence(raw, kv)
    assert found is not None
    decoded: dict[str, Any] = msgspec.json.decode(found)
    return decoded


def objects(*activities: Any, **others: Any) -> dict[str, Any]:
    return {
        "user": {"id": "172002275412279296", "username": "tatsu"},
        "status": "online",
        "client_status": {"desktop": "online"},
        "activities": list(activities),
        **others,
    }


@pytest.mark.parametrize("case", samples.presence_cases())
def test_each_presence_sample_is_shown_as_the_golden_file_says(case: str) -> None:
    """The golden file was read by a person against what Lanyard shows."""
    assert shown(saved(samples.presence_cases()[case])) == GOLDEN["presences"][case]


@pytest.mark.parametrize("case", USERS)
def test_each_user_sample_is_shown_as_the_golden_file_says(case: str) -> None:
    """The golden file was read by a person against what Lanyard shows."""
    event = {"user": USERS[case], "status": "online", "client_status": {"web": "online"}}
    assert shown(saved(event))["discord_user"] == GOLDEN["users"][case]


def test_every_key_is_there_in_one_order() -> None:
    """Also for a user of whom no presence is known."""
    nothing = shown(objects(status="offline", client_status={}))
    assert list(nothing) == KEYS
    assert nothing["discord_status"] == "offline"
    assert nothing["activities"] == []
    assert nothing["spotify"] is None
    assert nothing["kv"] == {}
    assert not any(value for key, value in nothing.items() if key.startswith("active_on"))


@pytest.mark.parametrize("device", ["web", "desktop", "mobile", "embedded", "vr"])
def test_each_device_has_its_flag(device: str) -> None:
    """The key decides; its value does not matter."""
    flags = shown(objects(client_status={device: "idle"}))
    assert [key for key in KEYS if key.startswith("active_on") and flags[key]] == [
        f"active_on_discord_{device}"
    ]


def test_the_spotify_of_lanyard_is_complete() -> None:
    """Artists keep Discord's semicolons."""
    found = shown(
        objects(
            {"id": "custom", "type": 4},
            {
                "id": "spotify:1",
                "sync_id": "4cOdK2wGLETKBW3PvgPWqT",
                "details": "A Song",
                "state": "One; Two",
                "assets": {"large_image": "spotify:ab67616d00001e02", "large_text": "An Album"},
                "timestamps": {"start": 1790000000000, "end": 1790000180000},
            },
        )
    )
    assert found["listening_to_spotify"] is True
    assert found["spotify"] == {
        "track_id": "4cOdK2wGLETKBW3PvgPWqT",
        "song": "A Song",
        "artist": "One; Two",
        "album": "An Album",
        "album_art_url": "https://i.scdn.co/image/ab67616d00001e02",
        "timestamps": {"start": 1790000000000, "end": 1790000180000},
    }


def test_what_spotify_does_not_tell_is_null() -> None:
    """A local file has no id and no art; the timestamps may be missing altogether."""
    assert shown(objects({"id": "spotify:1"}))["spotify"] == {
        "track_id": None,
        "song": None,
        "artist": None,
        "album": None,
        "album_art_url": None,
        "timestamps": None,
    }


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("spotify:ab67", "https://i.scdn.co/image/ab67"),
        ("mp:external/x", "https://i.scdn.co/image/external/x"),
        ("ab67", None),
        ("spotify:a:b", None),
        (5, None),
    ],
)
def test_album_art_is_what_follows_the_only_colon(image: Any, url: str | None) -> None:
    """Lanyard does not look at the prefix."""
    found = shown(objects({"id": "spotify:1", "assets": {"large_image": image}}))
    assert found["spotify"]["album_art_url"] == url


def test_spotify_is_never_recognised_by_its_name() -> None:
    """Anybody can name an activity Spotify."""
    found = shown(objects({"id": "ec0b28a579ecb4bd", "name": "Spotify", "type": 2}))
    assert (found["listening_to_spotify"], found["spotify"]) == (False, None)


def test_the_key_value_store_is_passed_on() -> None:
    """It is the user's own, and strings alone."""
    assert shown(objects(), b'{"city":"Kyoto"}')["kv"] == {"city": "Kyoto"}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"user":{"id":"1\xff"}}', b"[" * 10_000],
)
def test_what_no_gateway_has_written_is_not_shown(garbage: bytes) -> None:
    """Other software may have written in this Redis."""
    assert lanyard.presence(garbage) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
_keys = st.sampled_from(
    ["id", "assets", "large_image", "timestamps", "start", "end", "sync_id", "state", "details"]
)


@given(st.lists(st.dictionaries(_keys, _json | st.just("spotify:1"))))
def test_any_activity_gives_a_valid_presence(activities: list[dict[str, Any]]) -> None:
    """The activities of Redis are hostile, and stay as they are."""
    found = shown(objects(*activities))
    assert found["activities"] == activities
    msgspec.convert(found, lanyard.LanyardPresence)
