"""The state of one user, for messages and snapshots in any order."""

from __future__ import annotations

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from services.ws.topic import Topic
from shared.model.message import PresenceMessage
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Badge, Snapshot
from tests.ws.ws_fixture import ANNA, fields


def profile(version: int) -> bytes:
    return b'{"p":%d}' % version


def presence(version: int) -> bytes:
    return b'{"s":%d}' % version


def update(version: int, *changed: str) -> PresenceMessage:
    return PresenceMessage(
        version,
        Raw(profile(version)) if "profile" in changed else UNSET,
        Raw(presence(version)) if "presence" in changed else UNSET,
    )


def test_nothing_is_known_at_first() -> None:
    """A topic is ready when it is loaded and its extras were requested."""
    topic = Topic(ANNA)
    assert not topic.ready
    topic.load(Snapshot(1, profile(1), presence(1)))
    assert not topic.ready
    topic.apply_extras(None)
    assert topic.ready


def test_older_messages_are_dropped() -> None:
    """A message that is not newer than the snapshot changes nothing."""
    topic = Topic(ANNA)
    topic.load(Snapshot(5, profile(5), presence(5)))
    topic.apply(update(4, "profile", "presence"))
    assert (topic.profile, topic.presence) == (profile(5), presence(5))


def test_equal_bytes_keep_the_object() -> None:
    """An equal state keeps the same object."""
    topic = Topic(ANNA)
    topic.load(Snapshot(1, profile(1), presence(1)))
    shown = topic.profile, topic.presence
    topic.load(Snapshot(2, profile(1), presence(1)))
    assert (topic.profile is shown[0], topic.presence is shown[1]) == (True, True)


@given(
    st.lists(
        st.sampled_from([("profile",), ("presence",), ("profile", "presence")]),
        min_size=1,
        max_size=12,
    ),
    st.data(),
)
def test_any_race_ends_with_the_newest_state(
    changes: list[tuple[str, ...]], data: st.DataObject
) -> None:
    """Whenever the subscription starts and the snapshot is read, the newest state remains."""
    subscribed = data.draw(st.integers(0, len(changes)), "messages missed")
    read = data.draw(st.integers(subscribed, len(changes)), "changes in the snapshot")
    arrives = data.draw(st.integers(subscribed, len(changes)), "messages before the snapshot")

    def newest(field: str, upto: int) -> int:
        return max((n for n, c in enumerate(changes[:upto], 2) if field in c), default=1)

    topic = Topic(ANNA)
    was_connected_before = data.draw(st.booleans(), "after a disconnect")
    if was_connected_before:
        topic.load(Snapshot(1, profile(1), presence(1)))
        topic.invalidate()
    seen = []
    snapshot = Snapshot(
        1 + read, profile(newest("profile", read)), presence(newest("presence", read))
    )
    for at in range(subscribed, len(changes) + 1):
        if at == max(arrives, read):  # a snapshot cannot arrive before the changes that it holds
            topic.load(snapshot)
        if at < len(changes):
            topic.apply(update(at + 2, *changes[at]))
        seen.append((topic.profile, topic.presence))
    end = len(changes)
    assert topic.profile == profile(newest("profile", end))
    assert topic.presence == presence(newest("presence", end))
    numbers = [int(state[1][5:-1]) for state in seen if state[1]]
    assert numbers == sorted(numbers), "it went back in time"


def test_after_a_disconnect_older_data_is_valid() -> None:
    """A Redis that comes back with an old state replaces what was known before."""
    topic = Topic(ANNA)
    topic.load(Snapshot(9, profile(9), presence(9)))
    topic.invalidate()
    assert not topic.loaded
    topic.load(Snapshot(3, profile(3), presence(3)))
    assert topic.presence == presence(3)


def test_a_message_may_be_late_where_the_connection_stays() -> None:
    """All users were rewritten on an open connection. Older messages that arrive after that are
    dropped, removals included. A loaded snapshot may be older, as after a disconnect."""
    topic = Topic(ANNA)
    topic.load(Snapshot(10, profile(10), presence(10)))
    for _ in range(2):
        topic.invalidate(same_connection=True)
    topic.apply(update(9, "presence"))
    topic.apply(update(10, "profile", "presence"))
    assert topic.presence == presence(10)
    assert not topic.loaded
    assert not topic.is_older_than(8)
    assert topic.is_older_than(11)
    topic.load(Snapshot(3, profile(3), presence(3)))
    topic.apply(update(4, "presence"))
    assert topic.presence == presence(4)


def test_a_message_with_all_fields_is_a_state() -> None:
    """After a disconnect, only a message with all fields counts as loaded."""
    topic = Topic(ANNA)
    topic.load(Snapshot(1, profile(1), presence(1), kv=b"{}"))
    topic.invalidate()
    topic.apply(update(2, "presence"))
    assert not topic.loaded
    topic.apply(update(3, "profile", "presence"))
    assert topic.loaded


def test_no_message_has_the_key_value_store_of_a_user_who_is_new_here() -> None:
    """It is loaded, before the first state is shown."""
    topic = Topic(ANNA)
    topic.apply(update(3, "profile", "presence"))
    assert not topic.loaded
    topic.load(Snapshot(2, profile(2), presence(2), kv=b'{"mood":"fine"}'))
    assert topic.loaded
    assert topic.presence == presence(3)
    assert b'"mood"' in topic.kv


def test_extras_outlast_a_failed_request() -> None:
    """A source without an answer removes no extras."""
    topic = Topic(ANNA)
    first = fields(ANNA, 1)
    topic.load(Snapshot(1, first.profile, first.presence))
    topic.apply_extras(ProfileExtras(bio="hello"))
    topic.apply_extras(None)
    assert msgspec.json.decode(topic.profile)["bio"] == "hello"


def test_a_profile_of_an_unknown_shape(caplog: pytest.LogCaptureFixture) -> None:
    """A profile of another version's gateway is shown without extras, and logged."""
    topic = Topic(ANNA)
    topic.apply_extras(ProfileExtras(bio="hello"))
    with caplog.at_level(logging.WARNING):
        topic.load(Snapshot(1, profile(1), presence(1)))
    assert topic.profile == profile(1)
    assert str(ANNA) in caplog.text


BADGE = Badge("automod", "Uses AutoMod", "f2", "https://cdn.discordapp.com/f2.png")
WITH_BADGE = ProfileExtras(bio="Hello", badges=[BADGE])


def test_what_is_hidden_leaves_the_profile_and_the_memory() -> None:
    """It comes back only when it was asked for again."""
    topic = Topic(ANNA)
    topic.load(Snapshot(1, fields(ANNA, 1).profile, presence(1)))
    topic.apply_extras(WITH_BADGE)
    assert b"automod" in topic.profile
    topic.apply(PresenceMessage(2, hidden=("badges",)))
    assert b"automod" not in topic.profile
    assert b"Hello" in topic.profile
    topic.apply_extras(WITH_BADGE)  # was asked for before
    assert b"automod" not in topic.profile
    topic.apply(PresenceMessage(3, hidden=()))
    assert b"automod" not in topic.profile
    topic.apply_extras(WITH_BADGE)
    assert b"automod" in topic.profile


def test_what_is_hidden_does_not_go_back() -> None:
    """An older message or snapshot changes nothing; a snapshot after a lost connection does."""
    topic = Topic(ANNA)
    topic.load(Snapshot(5, profile(5), presence(5), hidden=frozenset({"badges"})))
    topic.apply(PresenceMessage(4, hidden=()))
    topic.load(Snapshot(4, profile(4), presence(4)))
    assert topic.hidden == {"badges"}
    topic.invalidate()
    topic.load(Snapshot(4, profile(4), presence(4)))
    assert topic.hidden == frozenset()
