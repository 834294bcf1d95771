"""What the API shows of each of Discord's samples, and of anything else that may come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import sanitize
from shared.model.snapshot import Presence, Profile
from testing import samples
from tests.gateway.rendering import render

GOLDEN = Path(__file__).parent / "golden"
PRESENCES: dict[str, Any] = msgspec.json.decode((GOLDEN / "presences.json").read_bytes())
PROFILES: dict[str, Any] = msgspec.json.decode((GOLDEN / "profiles.json").read_bytes())


@pytest.mark.parametrize("case", samples.presence_cases())
def test_each_presence_sample_is_shown_as_the_golden_file_says(case: str) -> None:
    """The golden file was read by a person against docs/api.md."""
    assert render(samples.presence_cases()[case])["presence"] == PRESENCES[case]


@pytest.mark.parametrize("case", [case for case, user in samples.users().items() if "id" in user])
def test_each_user_sample_is_shown_as_the_golden_file_says(case: str) -> None:
    """The golden file was read by a person against docs/api.md."""
    event = {
        "user": samples.users()[case],
        "status": "online",
        "client_status": {"web": "online"},
        "activities": [],
    }
    assert render(event)["profile"] == PROFILES[case]


def test_captured_payloads_give_valid_snapshots() -> None:
    """What Discord really sent, where those files are at hand."""
    for case in samples.read("captured-payloads.json")["presence"]:
        event = case["payload"]["d"]
        if isinstance(event.get("user"), dict) and event["user"].get("id"):
            _is_valid(render(event))


def test_application_icon_stands_in_for_missing_art() -> None:
    """P10 has no art of its own: its application's icon is shown once it is known."""
    shown = render(samples.presence_cases()["P10"], {"356877880938070016": "a748"})
    assert shown["presence"]["activity"][0]["largeImage"] == (
        "https://cdn.discordapp.com/app-icons/356877880938070016/a748.png"
    )


def test_art_of_its_own_is_never_replaced_by_the_icon() -> None:
    """P11 has art."""
    shown = render(samples.presence_cases()["P11"], {"764429562019840003": "a748"})
    assert shown["presence"] == PRESENCES["P11"]


@pytest.mark.parametrize(
    ("clients", "device"),
    [
        ({"mobile": "online", "desktop": "idle"}, "desktop"),
        ({"web": "online", "mobile": "idle"}, "mobile"),
        ({"vr": "online", "embedded": "online", "web": "dnd"}, "web"),
        ({"vr": "online", "embedded": "online"}, "embedded"),
        ({"vr": "online"}, "vr"),
        ({"wearable": "online"}, None),
        ({}, None),
    ],
)
def test_device_is_the_foremost(clients: dict[str, str], device: str | None) -> None:
    """Desktop before mobile before web before embedded before vr."""
    shown = render({"user": {"id": "1"}, "status": "online", "client_status": clients})
    assert shown["profile"]["device"] == device
    assert shown["profile"]["devices"] == clients


def test_several_artists_are_joined_with_commas() -> None:
    """Discord joins them with semicolons; a comma inside a name stays."""
    spotify = {"id": "spotify:1", "type": 2, "state": "Tyler, The Creator; Frank", "sync_id": "a"}
    shown = render({"user": {"id": "1"}, "status": "online", "activities": [spotify]})
    assert shown["presence"]["spotify"]["artist"] == "Tyler, The Creator, Frank"


def test_no_secret_is_kept() -> None:
    """P46 carries join secrets: they let strangers join."""
    event = samples.presence_cases()["P46"]
    assert "secrets" in event["activities"][0]
    assert b"secrets" not in msgspec.json.encode(sanitize.presence(event))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        *[("5", 5), ("-5", -5), ("007", 7), (5.0, 5), (1.5, 1), (2**53 - 1, 2**53 - 1)],
        *[("", None), ("-", None), ("--5", None), ("5-", None), ("5\n", None), ("٣", None)],
        *[("9" * 21, None), ("9" * 5000, None), (2**53, None), (True, None), (float("nan"), None)],
    ],
)
def test_an_integer_is_kept_or_left_out(sent: Any, kept: int | None) -> None:
    """An error would cost the whole event: of a chunk, a thousand members."""
    event = {"status": "online", "activities": [{"created_at": sent}], "client_status": {}}
    [activity] = sanitize.presence(event)["activities"]
    assert activity == ({} if kept is None else {"created_at": kept})


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["online", "offline", "0", "spotify:1", "custom", "mp:external/a/https/b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ACTIVITY_KEYS = [
    *("id", "name", "type", "created_at", "timestamps", "application_id", "details"),
    *("state", "url", "emoji", "party", "assets", "flags", "buttons", "sync_id"),
]
USER_KEYS = [
    *("username", "discriminator", "global_name", "avatar", "bot", "public_flags", "banner"),
    *("avatar_decoration_data", "collectibles", "primary_guild", "clan", "accent_color"),
]
activity_like = st.fixed_dictionaries({}, optional=dict.fromkeys(ACTIVITY_KEYS, anything))
user_like = st.fixed_dictionaries(
    {"id": st.integers(1, 2**64 - 1).map(str)}, optional=dict.fromkeys(USER_KEYS, anything)
)


@given(
    user=user_like,
    status=anything,
    clients=anything,
    activities=anything | st.lists(activity_like | anything, max_size=4),
)
def test_whatever_comes_gives_a_valid_snapshot(
    user: Any, status: Any, clients: Any, activities: Any
) -> None:
    """Any JSON in the places of a presence event is shown, or left out, and can be sent."""
    if not isinstance(user.get("username", "?"), str) or not user.get("username", "?"):
        del user["username"]
    event = {"user": user, "status": status, "client_status": clients, "activities": activities}
    _is_valid(render(event))


def _is_valid(shown: dict[str, Any]) -> None:
    msgspec.convert(shown["profile"], Profile, strict=True)
    msgspec.convert(shown["presence"], Presence, strict=True)
