"""The checker itself: it sees what it is there to see."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from chaos.clients.view import REFUSED, View
from chaos.facts import (
    facts_of,
    seen_in,
    who_in,
)
from chaos.history import History
from chaos.position import Position
from chaos.privacy_check import Choice
from chaos.rollback_tracker import RollbackTracker
from chaos.workload import Workload
from services.gateway.normalize import normalize
from shared.discord.cdn import Cdn
from simulator.model import Member, Presence
from simulator.people import population
from simulator.privacy import Privacy
from simulator.snowflakes import shard_of
from simulator.world import World

ROBIN = "161092844126208001"
SOMEBODY_ELSE = "1"


@pytest.fixture
def history() -> History:
    return History(World(*population(50, 2, 1, 1_784_053_200_000)))


class Frames:
    """Builds the frames that ws would send."""

    def __init__(self, history: History) -> None:
        self._life = Workload(history.world, history, 1)
        self._world = history.world

    def change(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Robin does something; the profile and the presence that show it."""
        self._life.show(ROBIN)
        person = self._world.people[ROBIN]
        discord = msgspec.to_builtins(person.presence)
        cdn = Cdn("https://cdn.example.org")
        user = msgspec.to_builtins(person.user)
        return (
            msgspec.to_builtins(normalize.profile(user, discord, cdn)),
            msgspec.to_builtins(normalize.presence(discord, cdn, {})),
        )


def frame(op: str, d: dict[str, Any], user_id: str = ROBIN) -> bytes:
    return msgspec.json.encode({"op": op, "user_id": user_id, "d": d})


def initial(profile: dict[str, Any], presence: dict[str, Any]) -> bytes:
    return frame("initial_data", {"profile": profile, **presence})


def refusal(user_id: str = ROBIN) -> bytes:
    return frame("error", {"code": REFUSED, "message": "No."}, user_id)


def leave(history: History) -> None:
    """Robin leaves all guilds."""
    robin = history.world.people[ROBIN]
    for guild_id in [*robin.guilds]:
        history.world.remove_member(guild_id, ROBIN)
        history.note_left(robin)


def test_the_truth_is_right(history: History) -> None:
    """In order, with gaps, without doubles: nothing to say."""
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    view.take(initial(*frames.change()))
    frames.change()
    profile, presence = frames.change()
    view.take(frame("profile_update", {"profile": profile}))
    view.take(frame("presence_update", presence))
    assert view.wrong == []
    assert (view.users[ROBIN].seen, view.users[ROBIN].who) == history.truth(ROBIN)


def test_a_step_back_is_seen(history: History) -> None:
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    old = frames.change()
    view.take(initial(*frames.change()))
    view.take(frame("presence_update", old[1]))
    assert "went back" in view.wrong[0]


def test_a_step_back_is_allowed_where_redis_was_set_back(history: History) -> None:
    """Once, and from then on forward again."""
    rollbacks = RollbackTracker()
    frames, view = Frames(history), View(history, (ROBIN,), rollbacks)
    old, between, new = frames.change(), frames.change(), frames.change()
    view.take(initial(*new))
    rollbacks.begins()
    for _, presence in (old, between, new):
        view.take(frame("presence_update", presence))
    assert view.wrong == []
    view.take(frame("presence_update", old[1]))
    assert "went back" in view.wrong[0]


@pytest.mark.parametrize("reads_late", [False, True])
def test_a_step_back_long_after_redis_was_set_back_is_seen(
    history: History, monkeypatch: pytest.MonkeyPatch, reads_late: bool
) -> None:
    """Unless the frame may have waited for its reader."""
    rollbacks = RollbackTracker()
    frames, view = Frames(history), View(history, (ROBIN,), rollbacks, reads_late=reads_late)
    old = frames.change()
    view.take(initial(*frames.change()))
    rollbacks.begins()
    rollbacks.healed()
    later = time.monotonic() + 60.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    rollbacks.held_up()  # too late
    view.take(frame("presence_update", old[1]))
    assert len(view.wrong) == (not reads_late)


@pytest.mark.parametrize(("twice", "hides"), [(True, True), (True, False), (False, True)])
def test_only_what_guilds_of_both_shards_show_in_parts_may_go_back(
    twice: bool, hides: bool
) -> None:
    """A shard tells of its guilds in order, and the gateway merges what both show in full."""
    world = World(*population(50, 3, 1, 1_784_053_200_000))
    guilds = {shard_of(guild_id, 2): guild_id for guild_id in world.guilds}
    assert guilds.keys() == {0, 1}
    for guild_id in list(world.people[ROBIN].guilds):
        world.remove_member(guild_id, ROBIN)
    for shard in guilds if twice else [0]:
        world.add_member(guilds[shard], ROBIN, Member())
    if hides:
        world.set_privacy(ROBIN, Privacy(restricted_guilds={"1"}))
    history = History(world, shards=2)
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    old = frames.change()
    view.take(initial(*frames.change()))
    view.take(frame("presence_update", old[1]))
    assert (view.wrong == []) is (twice and hides)


def test_what_was_never_true_is_seen(history: History) -> None:
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    profile, presence = frames.change()
    view.take(initial(profile, {**presence, "custom_status": {"text": "?", "emoji": None}}))
    assert "never true" in view.wrong[0]
    assert "most like it" in view.wrong[0]


def test_doubles_are_seen(history: History) -> None:
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    profile, presence = frames.change()
    view.take(initial(profile, presence))
    view.take(frame("presence_update", presence))
    view.take(frame("profile_update", {"profile": profile}))
    view.take(initial(profile, presence))
    assert [words.partition(" ")[2] for words in view.wrong] == [
        "the same presence twice",
        "the same profile twice",
        "initial_data twice",
    ]


def test_an_update_before_the_beginning_is_seen(history: History) -> None:
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    profile, presence = frames.change()
    view.take(frame("profile_update", {"profile": profile}))
    view.take(frame("presence_update", presence))
    assert [words.partition(" ")[2] for words in view.wrong] == [
        "profile_update before initial_data",
        "presence_update before initial_data",
    ]


def test_frames_about_users_that_were_not_requested_are_noticed(history: History) -> None:
    """Nor may anything follow a refusal."""
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker())
    view.take(frame("presence_update", frames.change()[1], SOMEBODY_ELSE))
    assert "not asked for" in view.wrong[0]
    leave(history)
    view.take(refusal())
    view.take(initial(*frames.change()))
    assert "after user_not_monitored" in view.wrong[1]


@pytest.mark.parametrize("what", ["leaves", "joins", "hides", "Redis", ""])
def test_a_refusal_of_a_member_is_noticed(history: History, what: str) -> None:
    """Unless Grux need not know that they are one."""
    rollbacks = RollbackTracker()
    match what:
        case "leaves":
            leave(history)
        case "joins":
            history.note_join(history.world.people[ROBIN])
        case "hides":
            history.may_show(ROBIN, Choice(visible=False))
        case "Redis":
            rollbacks.loses()
    view = View(history, (ROBIN,), rollbacks)
    view.take(refusal())
    assert bool(view.wrong) is not bool(what)


@pytest.mark.parametrize("message", [b"", b"{", b"{}", b"[]", b'{"op":1,"user_id":2,"d":3}'])
def test_other_shapes_are_seen(history: History, message: bytes) -> None:
    view = View(history, (ROBIN,), RollbackTracker())
    view.take(message)
    assert len(view.wrong) == 1


def test_facts_are_the_same_from_both_ends(history: History) -> None:
    """What is drawn from Discord's side is what is read from a right answer, for all users."""
    cdn = Cdn("https://cdn.example.org")
    for person in history.world.people.values():
        discord = msgspec.to_builtins(person.presence)
        user = msgspec.to_builtins(person.user)
        presence = msgspec.to_builtins(normalize.presence(discord, cdn, {}))
        profile = msgspec.to_builtins(normalize.profile(user, discord, cdn))
        assert (seen_in(presence), who_in(profile)) == facts_of(person, person.presence)


def test_what_a_person_hides_is_not_to_be_seen(history: History) -> None:
    """Neither at the end nor on the way; and it may come back."""
    frames, view = Frames(history), View(history, (ROBIN,), RollbackTracker(), process="ws-1")
    history.may_show(ROBIN, Choice(frozenset({"custom_status"})))
    profile, presence = frames.change()
    while presence["custom_status"] is None:
        profile, presence = frames.change()
    view.take(initial(profile, presence))
    history.privacy.hides(ROBIN, Choice(frozenset({"custom_status"})), time.monotonic() - 5)
    history.choose(ROBIN)
    truth = history.truth(ROBIN)
    assert truth is not None
    assert truth[0].custom is None
    hidden = {**presence, "custom_status": None}
    view.take(frame("presence_update", hidden))
    assert history.privacy.leaks([]) == []
    view.take(frame("presence_update", presence))
    assert len(history.privacy.leaks([])) == 1
    assert view.wrong == []


def test_a_player_may_be_missing_in_a_state_from_before_it_was_hidden(history: History) -> None:
    """The state is still on its way when the choice is stored: it is shown without the player."""
    player = {"name": "Tunes", "type": 2, "created_at": 3}
    game = {"name": "Chess", "type": 0, "created_at": 4}
    person = history.world.people[ROBIN]
    for activities in ([player, game], []):
        person.presence = Presence("online", activities, {"web": "online"})
        history.note(person)
    history.may_show(ROBIN, Choice(frozenset({"listening"})))
    seen, who = facts_of(person, Presence("online", [game], {"web": "online"}))
    assert Position().moves_to(history, ROBIN, seen, who) == ""
    seen, who = facts_of(person, Presence("online", [player], {"web": "online"}))
    assert "never true" in Position().moves_to(history, ROBIN, seen, who)


def test_a_person_who_is_hidden_is_no_member(history: History) -> None:
    history.privacy.hides(ROBIN, Choice(visible=False), time.monotonic())
    assert ROBIN not in history.members()
    assert history.truth(ROBIN) is None
