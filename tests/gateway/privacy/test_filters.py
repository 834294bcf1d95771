"""What is left of a user when they hide something."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import normalize
from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.privacy import filters
from services.gateway.privacy.filters import Filter
from services.gateway.state.merged_presence import MergedPresence
from shared.discord.cdn import Cdn
from shared.model import lanyard
from shared.model.user_settings import HIDEABLE_FIELDS, HideableField, UserSettings

EDITOR, GAME, PLAYER = "383226320970055681", "356875221078245376", "1130698654987067493"
GUILD, OTHER = 816976062578688017, 492605905305600005

USER: dict[str, Any] = {
    "username": "robin",
    "public_flags": 1 << 22,
    "avatar_decoration_data": {"asset": "a_0123456789abcdef0123456789abcdef"},
    "collectibles": {"nameplate": {"asset": "nameplates/nameplates/twilight/"}},
    "primary_guild": {
        "identity_guild_id": "1112920281367973900",
        "identity_enabled": True,
        "tag": "CODE",
        "badge": "b8161e357e4c3de4fb7c649b3523a1ea",
    },
    "id": "161092844126208001",
}
SONG = {"id": "spotify:1", "type": 2, "name": "Spotify", "details": "90mph", "created_at": 30}
WORDS = {"id": "custom", "type": 4, "name": "Custom Status", "state": "hi", "created_at": 20}
EDITING = {"type": 0, "name": "Code", "application_id": EDITOR, "created_at": 40}
PLAYING = {"type": 0, "name": "Chess", "application_id": GAME, "created_at": 50}
TUNE = {"type": 2, "name": "TIDAL", "application_id": PLAYER, "details": "Blue", "created_at": 60}
ACTIVITIES = [WORDS, SONG, EDITING, PLAYING, TUNE]

encode, decode = msgspec.json.encode, msgspec.json.decode


def presence_of(*activities: dict[str, Any], status: str = "dnd") -> bytes:
    return encode({"status": status, "client_status": {"mobile": status}, "activities": activities})


def hiding(*fields: HideableField, applications: tuple[str, ...] = ()) -> Filter:
    found = filters.filter_of(UserSettings(hide=fields, hide_applications=applications))
    assert found is not None
    return found


def shown(by: Filter) -> dict[str, Any]:
    """The user as the API shows them."""
    user = decode(filters.user(encode(USER), by))
    presence = decode(filters.presence(presence_of(*ACTIVITIES), by))
    cdn = Cdn()
    return {
        "profile": msgspec.to_builtins(normalize.profile(user, presence, cdn)),
        **msgspec.to_builtins(
            normalize.presence(presence, cdn, {}, hides_listening="listening" in by.fields)
        ),
    }


EVERYTHING = shown(Filter(frozenset(), frozenset()))
WITHOUT_TUNE = [one for one in EVERYTHING["activity"] if one["name"] != "TIDAL"]
HEARD_ON_TIDAL: dict[str, Any] = {
    "app": "TIDAL",
    "application_id": PLAYER,
    "song": "Blue",
    "artist": None,
    "album": None,
    "album_image": None,
    "link": None,
    "timestamps": {},
    "created_at": 60,
}

EFFECTS: dict[HideableField, dict[str, Any]] = {
    "status": {"status": "invisible", "profile.device": None, "profile.devices": {}},
    "device": {"profile.device": None, "profile.devices": {}},
    "activities": {"activity": []},
    "spotify": {"spotify": None, "listening": HEARD_ON_TIDAL},
    "listening": {"activity": WITHOUT_TUNE, "listening": None},
    "custom_status": {"custom_status": None},
    "badges": {"profile.badges": [], "profile.public_flags": 0},
    "clan": {"profile.clan": None},
    "connected_accounts": {},
    "decoration": {"profile.avatar_decoration_image": None, "profile.nameplate_image": None},
}


def flat(data: dict[str, Any]) -> dict[str, Any]:
    profile = {f"profile.{key}": value for key, value in data["profile"].items()}
    return {**profile, **{key: value for key, value in data.items() if key != "profile"}}


@pytest.mark.parametrize("field", HIDEABLE_FIELDS)
def test_a_field_is_hidden_and_nothing_else(field: HideableField) -> None:
    """Of the API's answer only this changes, and it did show something before."""
    before, after = flat(EVERYTHING), flat(shown(hiding(field)))
    assert after == {**before, **EFFECTS[field]}
    for name, hidden in EFFECTS[field].items():
        assert before[name] != hidden


def test_activities_of_an_application_are_hidden() -> None:
    """Also those that a launcher started for it."""
    launched = {"type": 0, "name": "Mod", "application_id": "1", "parent_application_id": GAME}
    by = hiding(applications=(GAME,))
    left = decode(filters.presence(presence_of(*ACTIVITIES, launched), by))
    assert left["activities"] == [WORDS, SONG, EDITING, TUNE]


def test_music_of_a_player_is_hidden_with_its_activity() -> None:
    """Where it is one of the activities, or its application is hidden."""
    for by in (hiding("spotify", "activities"), hiding("spotify", applications=(PLAYER,))):
        assert shown(by)["listening"] is None


def test_everything_can_be_hidden() -> None:
    """Then the user looks like one who is offline."""
    by = hiding(*HIDEABLE_FIELDS)
    assert filters.presence(presence_of(*ACTIVITIES), by) == OFFLINE
    assert filters.presence(OFFLINE, by) == OFFLINE


def test_lanyard_shows_nothing_hidden() -> None:
    """Its dialect is made of Discord's objects, which are filtered too."""
    by = hiding("status", "activities", "spotify", "custom_status", "badges", "clan", "decoration")
    user, presence = filters.user(encode(USER), by), filters.presence(presence_of(*ACTIVITIES), by)
    found = lanyard.presence(b'{"user":%b,%b' % (user, presence[1:]))
    assert found is not None
    data = decode(found)
    assert data["discord_status"] == "offline"
    assert data["activities"] == []
    assert not data["listening_to_spotify"]
    assert not data["active_on_discord_mobile"]
    kept = {"username": "robin", "id": "161092844126208001", "display_name": None}
    cleared = {
        "public_flags": 0,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }
    assert data["discord_user"] == {**kept, **cleared}


def test_what_discord_did_not_send_is_not_added() -> None:
    """A user object without the keys stays as it is."""
    user = encode({"username": "robin"})
    assert decode(filters.user(user, hiding(*HIDEABLE_FIELDS))) == {"username": "robin"}
    assert filters.user(user, hiding("status")) is user


def test_nothing_chosen_has_no_filter() -> None:
    """So that a save of such a user costs one look-up."""
    assert filters.filter_of(UserSettings(bio="Hi", visible=False)) is None


def test_readers_are_told_what_is_hidden() -> None:
    """The names, sorted; never which applications."""
    by = hiding("status", "badges", applications=(GAME,))
    assert decode(by.hidden()) == ["applications", "badges", "status"]


def merged(first: bytes, second: bytes) -> MergedPresence:
    """A user in two guilds that show different things."""
    one = MergedPresence(first)
    one.report(GUILD, first, (GUILD, OTHER))
    one.report(OTHER, second, (GUILD, OTHER))
    return one


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("spotify", b"spotify"),
        ("custom_status", b"custom"),
        ("activities", EDITOR.encode()),
        ("listening", PLAYER.encode()),
    ],
)
def test_reports_of_guilds_are_filtered(field: HideableField, word: bytes) -> None:
    """They hold what single guilds show: neither the activity nor its time is left."""
    one = merged(presence_of(*ACTIVITIES), presence_of())
    stored = one.stored()
    assert word in stored
    by = hiding(field)
    presence = filters.presence(one.shown, by)
    left = filters.reports(stored, presence, by)
    assert word not in left
    again = MergedPresence.restore(presence, left)
    assert again.shown == presence


def test_reports_of_a_player_are_filtered() -> None:
    """A song that has ended leaves neither its player nor its time behind."""
    one = merged(presence_of(*ACTIVITIES), presence_of(WORDS, SONG))
    one.report(GUILD, presence_of(WORDS, SONG, EDITING), (GUILD, OTHER))
    assert PLAYER.encode() in one.stored()
    by = hiding("listening")
    left = filters.reports(one.stored(), filters.presence(one.shown, by), by)
    assert PLAYER.encode() not in left
    assert b":60" not in left


def test_reports_of_an_application_are_filtered() -> None:
    """Its id is in the names of what has ended, and its time in the newest one."""
    one = merged(presence_of(*ACTIVITIES), presence_of(WORDS, SONG))
    one.report(GUILD, presence_of(WORDS, SONG, EDITING), (GUILD, OTHER))
    by = hiding(applications=(GAME,))
    left = filters.reports(one.stored(), filters.presence(one.shown, by), by)
    assert GAME.encode() not in left
    assert b"50" not in left


def test_reports_that_do_not_differ_any_more_are_dropped() -> None:
    """Two guilds that differ in what is hidden show the same."""
    one = merged(presence_of(WORDS, SONG), presence_of(WORDS))
    by = hiding("spotify")
    presence = filters.presence(one.shown, by)
    left = filters.reports(one.stored(), presence, by)
    assert MergedPresence.restore(presence, left).is_uniform
    assert filters.reports(b"", presence, by) == b""


def test_a_guild_without_a_report_has_none() -> None:
    """Discord has not sent the user's presence for it yet."""
    one = MergedPresence(presence_of(SONG))
    one.join(OTHER)
    by = hiding("spotify")
    left = filters.reports(one.stored(), filters.presence(one.shown, by), by)
    assert decode(left)["reports"] == {str(OTHER): None}
    assert "is_kept" not in decode(left)
    one.leave(GUILD, [OTHER])
    kept = filters.reports(one.stored(), filters.presence(one.shown, by), by)
    assert MergedPresence.restore(one.shown, kept).is_kept


MARKS: dict[str, bytes] = {
    "spotify": b"spotify",
    "custom_status": b"custom",
    "activities": EDITOR.encode(),
    "listening": PLAYER.encode(),
    "status": b"dnd",
}


@given(
    reports=st.lists(
        st.tuples(
            st.sampled_from([GUILD, OTHER]),
            st.lists(st.sampled_from(ACTIVITIES), unique_by=lambda one: one["name"]),
            st.sampled_from(["online", "idle", "dnd"]),
        ),
        max_size=8,
    ),
    hidden=st.lists(st.sampled_from(sorted(MARKS)), min_size=1, unique=True),
)
def test_nothing_hidden_is_left_whatever_servers_reported(
    reports: list[tuple[int, list[dict[str, Any]], str]], hidden: list[HideableField]
) -> None:
    """In any order of reports; and what is stored can be restored by another process."""
    one = MergedPresence(OFFLINE)
    for guild_id, activities, status in reports:
        one.report(guild_id, presence_of(*activities, status=status), (GUILD, OTHER))
    by = hiding(*hidden)
    presence = filters.presence(one.shown, by)
    left = filters.reports(one.stored(), presence, by)
    for field in hidden:
        assert MARKS[field] not in presence
        assert MARKS[field] not in left
    assert MergedPresence.restore(presence, left).shown == presence
