"""Extras from profile objects: every sample, and anything else that a server may send."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.discord.cdn import Cdn
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import ConnectedAccount
from shared.profiles.sources import profile_object
from shared.profiles.sources.source import SourceFailed
from testing import samples

CDN = Cdn()
PROFILES: dict[str, dict[str, Any]] = {
    case["id"]: case["profile"] for case in samples.read("profile-samples.json")["profiles"]
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def extras(case: str, **changes: Any) -> ProfileExtras:
    profile = PROFILES[case] | changes
    return profile_object.extras_of(profile, int(profile["user"]["id"]), CDN)


def check(found: ProfileExtras) -> None:
    """Valid, storable extras: Redis gives back what was put in."""
    assert msgspec.json.decode(msgspec.json.encode(found), type=ProfileExtras) == found


@pytest.mark.parametrize("case", PROFILES)
def test_every_sample_gives_facts(case: str) -> None:
    """No sample is rejected."""
    check(extras(case))


def test_a_rich_profile_gives_everything() -> None:
    """R01 has everything."""
    found = extras("R01")
    assert [badge.id for badge in found.badges] == [
        "premium_tenure_6_month_v2",
        "hypesquad_house_3",
        "guild_booster_lvl2",
        "quest_completed",
        "orb_profile_badge",
    ]
    assert found.bio == "https://example.org\nsecond line 🚀"
    assert found.clan is not None
    assert found.clan.tag == "GRUX"
    assert found.nameplate_image == (
        "https://cdn.discordapp.com/assets/collectibles/nameplates/zodiac/virgo/static.png"
    )
    assert found.connected_accounts == [
        ConnectedAccount(
            "spotify", "robin", "https://open.spotify.com/user/31exampleexampleexample0001"
        ),
        ConnectedAccount("steam", "robin", "https://steamcommunity.com/profiles/76561198000000001"),
        ConnectedAccount(
            "youtube", "robin", "https://youtube.com/channel/UCxxxxxxxxxxxxxxxxxxxxxx"
        ),
        ConnectedAccount("github", "robin-dev", "https://github.com/robin-dev"),
    ]


@pytest.mark.parametrize("case", ["R04", "R05", "R09"])
def test_a_profile_may_hide_everything(case: str) -> None:
    """Private, blocked and empty profiles give no extras; an empty bio is none."""
    assert extras(case) == ProfileExtras()


def test_a_private_profile_stays_private() -> None:
    """Even if the server adds what the user hides."""
    rich = PROFILES["R01"]
    shown = {key: rich[key] for key in ("badges", "connected_accounts", "user_profile")}
    assert extras("R04", **shown) == ProfileExtras()


@pytest.mark.parametrize("enabled", [False, None, "yes", 1])
def test_a_tag_that_is_not_shown_stays_hidden(enabled: object) -> None:
    """The user, or Discord, has hidden it."""
    tag = PROFILES["R01"]["user"]["primary_guild"] | {"identity_enabled": enabled}
    assert extras("R01", user=PROFILES["R01"]["user"] | {"primary_guild": tag}).clan is None


def test_unverified_accounts_are_left_out() -> None:
    """R07 has one of each kind, and one that is not verified."""
    kinds = [account.type for account in extras("R07").connected_accounts]
    assert len(kinds) == len(PROFILES["R07"]["connected_accounts"]) - 1
    assert "ebay" not in kinds


@pytest.mark.parametrize(
    "hidden",
    [{"visibility": 0}, {"revoked": True}, {"verified": "yes"}, {"type": ""}, {"type": 7}],
)
def test_hidden_accounts_are_left_out(hidden: dict[str, Any]) -> None:
    """What the user does not show, or has no name, is not published."""
    account = {"type": "github", "id": "1", "name": "robin", "verified": True}
    assert len(extras("R09", connected_accounts=[account]).connected_accounts) == 1
    assert extras("R09", connected_accounts=[account | hidden]).connected_accounts == []


def test_unknown_accounts_keep_type_and_name() -> None:
    """A kind without a link is shown all the same, and so is a missing name."""
    accounts = extras("R07").connected_accounts
    assert ConnectedAccount("threads", "future", None) in accounts
    assert ConnectedAccount("xbox", None, None) in accounts
    assert accounts[-2:] == [
        ConnectedAccount("domain", "evil", None),
        ConnectedAccount("mastodon", "evil", None),
    ]


def test_unknown_badges_are_kept() -> None:
    """R08 has an unknown badge and one whose icon has 64 digits."""
    found = extras("R08")
    assert [(badge.id, badge.description, len(badge.asset)) for badge in found.badges] == [
        ("account_age_sequoia", "Account Age Sequoia", 64),
        ("brand_new_badge", "", 32),
    ]
    assert found.bio == PROFILES["R08"]["user_profile"]["bio"]


@pytest.mark.parametrize("icon", [None, 7, "", "../../x", "a/b", "a?b", "f" * 129, 'x"><script>'])
def test_a_badge_needs_an_icon_that_may_stand_in_a_path(icon: object) -> None:
    """A badge without a picture cannot be shown."""
    badge = {"id": "evil", "description": "evil", "icon": icon}
    assert extras("R09", badges=[badge]).badges == []


def test_texts_and_lists_have_an_end() -> None:
    """A server cannot fill Redis."""
    found = extras(
        "R09",
        badges=[{"id": f"b{n}", "icon": "f", "description": "d" * 10_000} for n in range(10_000)],
        connected_accounts=[{"type": "github", "id": "1", "name": "n", "verified": True}] * 10_000,
        user_profile={"bio": "b" * 10_000},
    )
    assert len(found.badges) == 100
    assert len(found.badges[0].description) == 256
    assert len(found.connected_accounts) == 100
    assert found.bio == "b" * 1_000


def test_a_badge_is_shown_once() -> None:
    """The first of two with the same id counts."""
    badges = [{"id": "b", "icon": "1"}, {"id": "b", "icon": "2"}]
    assert [badge.asset for badge in extras("R09", badges=badges).badges] == ["1"]


def test_the_profile_fills_what_the_user_object_leaves_out() -> None:
    """Banner and accent color may be in both; black is a color."""
    found = extras("R09", user_profile={"banner": "a_1", "accent_color": 0})
    assert found.accent_color == 0
    assert found.banner_image is not None
    assert found.banner_image.endswith("/375449444155392002/a_1.png?size=1024")


@given(JSON)
def test_any_json_is_facts_or_a_failure(value: Any) -> None:
    """Nothing that a server sends raises anything but SourceFailed."""
    with suppress(SourceFailed):
        check(profile_object.extras_of(value, 1, CDN))


@given(st.sampled_from(sorted(PROFILES)), st.data())
def test_a_sample_with_any_json_inside_is_facts_or_a_failure(
    case: str, data: st.DataObject
) -> None:
    """Nor does a real profile in which one value has become something else."""
    profile = msgspec.json.decode(msgspec.json.encode(PROFILES[case]))
    user_id = int(profile["user"]["id"])
    place: Any = profile
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    try:
        check(profile_object.extras_of(profile, user_id, CDN))
    except SourceFailed:
        assert place in (profile, profile["user"])
