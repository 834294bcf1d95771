"""A user object that is as it should be is encoded in C, and to what sanitize.py would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import sanitize, user_json
from services.gateway.state.user_cache import UserCache, merge_user
from testing import samples

USER_ID: Final = 161092844126208001
VALID: Final[Mapping[str, tuple[Any, ...]]] = {
    "discriminator": ("0", "2729"),
    "global_name": ("Robin", "日本", "", "x" * 512),
    "avatar": ("00112233445566778899aabbccddeeff", "a_0"),
    "bot": (True, False),
    "system": (True, False),
    "public_flags": (0, 4325376, 2**63 - 1),
    "banner": ("a_221313e1e2ed",),
    "accent_color": (231321, -1),
    "avatar_decoration_data": (
        {"asset": "a_1", "sku_id": "1144058844004233369", "expires_at": None},
        {"sku_id": None, "asset": "a_1", "expires_at": 1750873861},
        {},
    ),
    "collectibles": (
        {"nameplate": None},
        {"nameplate": {"asset": "nameplates/a/b/", "palette": "teal", "label": "", "sku_id": "1"}},
        {},
    ),
    "display_name_styles": ({"font_id": 1, "effect_id": 2, "colors": [1, 2]}, {"colors": None}),
    "primary_guild": (
        {"identity_guild_id": "1", "identity_enabled": True, "tag": "GRUX", "badge": "ab"},
        {"identity_guild_id": None, "identity_enabled": None, "tag": None, "badge": None},
    ),
    "clan": ({"tag": "GRUX", "identity_enabled": False},),
}
INVALID: Final[tuple[Any, ...]] = (
    *(True, 5, 5.0, 1.5, -1, 2**53, 2**63, float("nan")),
    *("", "5", "../x", "x" * 513, "1" * 21, "1\n", "٣", "\ud800", "\x00", "12345"),
    *([], [1], [1] * 9, ["1"], {}, {"asset": 1}, {"asset": "a\n"}, {"asset": "A/"}, {"sku_id": 7}),
    *({"nameplate": {"asset": "../"}}, {"nameplate": []}, {"nameplate": {"label": 5}}),
    *({"colors": [1.5]}, {"colors": [2**53]}, {"tag": "x" * 513}, {"identity_enabled": 1}),
)

users = st.fixed_dictionaries(
    {"id": st.sampled_from((str(USER_ID), str(USER_ID), USER_ID, "1" * 20))},
    optional={
        "username": st.sampled_from(("robin", "robin", "日本", "x" * 600, "", None, 5, "\ud800")),
        "locale": st.just("en-US"),
        **{
            key: st.sampled_from((*values * 6, None, *INVALID)) | st.sampled_from(values)
            for key, values in VALID.items()
        },
    },
)


def named(**user: Any) -> dict[str, Any]:
    return {"id": str(USER_ID), "username": "robin", **user}


@given(users)
def test_both_ways_give_the_same(raw: dict[str, Any]) -> None:
    """Of what is well-formed nothing is removed, and nothing is changed."""
    found = user_json.well_formed(raw)
    assert found is None or msgspec.json.decode(found) == sanitize.user(raw)


@pytest.mark.parametrize("key", VALID)
def test_each_key_is_kept(key: str) -> None:
    """Each valid value, and null, which means that the value was cleared."""
    for value in (*VALID[key], None):
        found = user_json.well_formed(named(**{key: value}))
        assert found is not None, value
        assert msgspec.json.decode(found) == named(**{key: value})


@pytest.mark.parametrize("key", VALID)
def test_no_value_is_kept_that_sanitizing_would_change(key: str) -> None:
    """It is left to sanitize.py then."""
    for value in INVALID:
        raw = named(**{key: value})
        found = user_json.well_formed(raw)
        assert found is None or msgspec.json.decode(found) == sanitize.user(raw), value


@pytest.mark.parametrize(
    "raw",
    [
        {"id": "1"},
        {"username": "robin"},
        {"id": "1", "username": ""},
        {"id": "01", "username": "robin"},
        {"id": 1, "username": "robin"},
        None,
    ],
)
def test_what_names_no_user_is_not_well_formed(raw: Any) -> None:
    """An id is written as it is compared, and a name is never cleared."""
    assert user_json.well_formed(raw) is None


def test_what_discord_sends_is_well_formed() -> None:
    """Captured payloads, where those files are at hand."""
    for raw in _users_in(samples.read("captured-payloads.json")):
        if "id" in raw:
            found = user_json.well_formed(raw)
            assert found is not None, raw
            assert msgspec.json.decode(found) == sanitize.user(raw)


def test_a_repeated_user_is_no_change() -> None:
    """In whichever order its keys come, and whether or not it is encoded in C."""
    raw = named(global_name="Robin", avatar=None, public_flags=64)
    for known in (raw, {**raw, "id": USER_ID}):
        cached = UserCache().add(USER_ID, known)
        assert cached is not None
        for repeated in (raw, dict(reversed(raw.items())), {**raw, "id": USER_ID}):
            assert not merge_user(cached, repeated)
        assert merge_user(cached, {"id": str(USER_ID), "global_name": "Wren"})
        assert msgspec.json.decode(cached.user) == {**raw, "global_name": "Wren"}


def _users_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("username"), str):
            yield value
        for inner in value.values():
            yield from _users_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _users_in(inner)
