"""The checker of Lanyard's dialect: it sees what it is there to see."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chaos.clients.lanyard import LanyardView
from chaos.clients.view import REFUSED
from chaos.facts import facts_of, seen_in_lanyard, who_in_lanyard, without_statuses
from chaos.history import History
from chaos.rollback_tracker import RollbackTracker
from chaos.workload import Workload
from shared.model import lanyard
from simulator.model import Person
from simulator.people import population
from simulator.world import World
from tests.chaos.test_view import leave

ROBIN = "161092844126208001"
SOMEBODY_ELSE = "1"


@pytest.fixture
def history() -> History:
    return History(World(*population(50, 2, 1, 1_784_053_200_000)))


class LanyardFrames:
    """Builds the frames of Lanyard's dialect that ws would send."""

    def __init__(self, history: History) -> None:
        self._life = Workload(history.world, history, 1)
        self._person = history.world.people[ROBIN]

    def change(self) -> dict[str, Any]:
        """Robin does something; the presence that shows it."""
        self._life.show(ROBIN)
        return lanyard_presence(self._person)


def lanyard_presence(person: Person) -> dict[str, Any]:
    discord = msgspec.to_builtins(person.presence)
    saved = {
        "user": msgspec.to_builtins(person.user),
        **{name: discord[name] for name in ("status", "client_status", "activities")},
    }
    shown = msgspec.json.decode(lanyard.presence(msgspec.json.encode(saved)) or b"")
    return dict(shown)


def lanyard_frame(kind: str, d: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"op": 0, "t": kind, "d": d})


def test_lanyards_dialect_is_understood(history: History) -> None:
    """Updates, users who are not monitored, and a later INIT_STATE."""
    frames = LanyardFrames(history)
    view = LanyardView(history, (ROBIN, SOMEBODY_ELSE), RollbackTracker())
    view.take(b'{"op":1,"d":{"heartbeat_interval":30000}}')
    view.ask([ROBIN, SOMEBODY_ELSE])
    view.take(lanyard_frame("INIT_STATE", {ROBIN: frames.change()}))
    view.take(lanyard_frame("PRESENCE_UPDATE", frames.change()))
    truth = history.truth(ROBIN)
    assert truth is not None
    assert view.users[ROBIN].seen == truth[0]
    assert view.users[ROBIN].who == without_statuses(truth[1])
    assert view.users[SOMEBODY_ELSE].refused == REFUSED
    leave(history)
    view.ask([ROBIN])
    view.take(lanyard_frame("INIT_STATE", {}))
    assert view.users[ROBIN].refused == REFUSED
    assert view.wrong == []


def test_what_is_wrong_in_lanyards_dialect_is_seen(history: History) -> None:
    """Steps back, doubles, users and answers that nobody asked for."""
    frames, view = LanyardFrames(history), LanyardView(history, (ROBIN,), RollbackTracker())
    old, new = frames.change(), frames.change()
    stranger = {**new, "discord_user": {**new["discord_user"], "id": SOMEBODY_ELSE}}
    view.ask([ROBIN])
    for kind, d in (
        ("INIT_STATE", {ROBIN: new}),
        ("PRESENCE_UPDATE", new),
        ("PRESENCE_UPDATE", old),
        ("PRESENCE_UPDATE", stranger),
        ("INIT_STATE", {ROBIN: new}),
        ("presence_update", new),
    ):
        view.take(lanyard_frame(kind, d))
    found = ("the same presence twice", "went back", "not asked for", "not due", "not due")
    assert [words in wrong for words, wrong in zip(found, view.wrong, strict=True)] == [True] * 5


def test_facts_of_lanyards_dialect_are_the_same(history: History) -> None:
    """As for Grux's own, but for the statuses of devices."""
    for person in history.world.people.values():
        shown, (seen, who) = lanyard_presence(person), facts_of(person, person.presence)
        if person.presence.status in ("online", "idle", "dnd"):
            assert seen_in_lanyard(shown) == seen
        assert who_in_lanyard(shown) == without_statuses(who)


@pytest.mark.parametrize("has_left", [True, False])
def test_only_who_has_left_may_be_missing(history: History, has_left: bool) -> None:
    """In INIT_STATE, which is how this dialect says so."""
    view = LanyardView(history, (ROBIN,), RollbackTracker())
    if has_left:
        leave(history)
    view.ask([ROBIN])
    view.take(lanyard_frame("INIT_STATE", {}))
    assert bool(view.wrong) is not has_left


@pytest.mark.parametrize("loss", ["member has left", "Redis has lost data", None])
def test_users_who_leave_go_offline_in_lanyards_dialect(history: History, loss: str | None) -> None:
    """The check permits that of a member who has left, and of one whom Redis lacks for a time."""
    rollbacks = RollbackTracker()
    frames, view = LanyardFrames(history), LanyardView(history, (ROBIN,), rollbacks)
    view.ask([ROBIN])
    shown = frames.change()
    while shown["discord_status"] == "offline":
        shown = frames.change()
    view.take(lanyard_frame("INIT_STATE", {ROBIN: shown}))
    if loss == "member has left":
        leave(history)
    elif loss == "Redis has lost data":
        rollbacks.loses()
    gone = lanyard.departed(msgspec.json.encode(shown))
    view.take(lanyard_frame("PRESENCE_UPDATE", msgspec.json.decode(gone)))
    view.ask([ROBIN])
    view.take(lanyard_frame("INIT_STATE", {}))
    assert view.users[ROBIN].refused == REFUSED
    assert len(view.wrong) == (2 if loss is None else 0)
