"""The checker of clients whose users come and go: it sees what it is there to see."""

from __future__ import annotations

import msgspec
import pytest

from chaos.clients.changing import ChangingView
from chaos.history import History
from chaos.rollback_tracker import RollbackTracker
from tests.chaos.test_view import ROBIN, Frames, frame, history, refusal

__all__ = ["history"]

OTHER = "172002275412279296"


@pytest.fixture
def view(history: History) -> ChangingView:
    return ChangingView(history, (ROBIN,), RollbackTracker())


def test_a_frame_after_the_answer_to_a_later_message(view: ChangingView, history: History) -> None:
    """Until then a frame may have been on its way; after it, the server knew."""
    frames = Frames(history)
    profile, presence = frames.change()
    view.take(frame("initial_data", {"profile": profile, **presence}))
    said = [msgspec.json.decode(one) for one in view.replace(ROBIN, OTHER)]
    assert said == [
        {"op": "unsubscribe", "user_ids": [ROBIN]},
        {"op": "subscribe", "user_ids": [OTHER]},
    ]
    assert not view.is_settled
    view.take(frame("presence_update", frames.change()[1]))
    assert view.wrong == []
    view.take(refusal(OTHER))
    assert view.is_settled
    view.take(frame("presence_update", frames.change()[1]))
    assert view.wrong == [f"{ROBIN} was not asked for"]


def test_an_older_state_of_a_user_who_comes_again(view: ChangingView, history: History) -> None:
    """What the connection has shown of a user before is not forgotten."""
    frames = Frames(history)
    before, after = frames.change(), frames.change()
    view.take(frame("initial_data", {"profile": after[0], **after[1]}))
    view.replace(ROBIN, OTHER)
    view.take(refusal(OTHER))
    view.ask([ROBIN])
    view.take(frame("initial_data", {"profile": before[0], **before[1]}))
    (wrong,) = view.wrong
    assert "went back" in wrong


def test_who_is_asked_for_again_gets_the_whole_state_once(
    view: ChangingView, history: History
) -> None:
    """A second answer is one too many."""
    profile, presence = Frames(history).change()
    answer = {"profile": profile, **presence}
    history.note_join(history.world.people[ROBIN])  # just now: Grux may not know them yet
    view.take(refusal(ROBIN))
    assert view.refused() == [ROBIN]
    view.ask([ROBIN])
    for problems in ([], [f"{ROBIN} initial_data twice"]):
        view.take(frame("initial_data", dict(answer)))
        assert view.wrong == problems
    assert view.refused() == []
