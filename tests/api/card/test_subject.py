"""What of a person a card shows."""

from __future__ import annotations

from typing import Any

import pytest

from services.api.card.look import Look
from services.api.card.subject import Subject, choose
from shared.model.snapshot import Presence
from tests.api.card.people import AT_WORK, AUDIBERT, EDITOR, LISTENING, NOTHING, SONG, like

BOTH = like(AT_WORK, spotify=SONG)


def shown(presence: Presence = AT_WORK, **look: Any) -> Subject:
    return choose(AUDIBERT, presence, Look(**look))[0]


def roles(presence: Presence = AT_WORK, **look: Any) -> set[str]:
    return {want.role for want in choose(AUDIBERT, presence, Look(**look))[1]}


def test_a_whole_card() -> None:
    """Everything the issue names has its place."""
    subject = shown()
    assert (subject.name, subject.username, subject.tag) == ("Audibert", "grwx", "CODE")
    assert (subject.status_text, subject.emoji_text) == ("shipping on a friday", "🔥")
    assert len(subject.badges) == 4
    assert subject.panel is not None
    assert subject.panel.title == "Visual Studio Code"
    assert subject.panel.lines == ("Editing README.md", "Workspace: audibert")
    assert roles() == {"avatar", "decoration", "tag", "art", "small"} | {
        f"badge{n}" for n in range(4)
    }


@pytest.mark.parametrize(
    ("look", "gone"),
    [
        ({"hide_decoration": True}, {"decoration"}),
        ({"hide_tag": True}, {"tag"}),
        ({"hide_badges": True}, {"badge0", "badge1", "badge2", "badge3"}),
        ({"hide_activity": "true"}, {"art", "small"}),
        ({"ignored": frozenset({"383226320970055681"})}, {"art", "small"}),
    ],
)
def test_what_is_hidden_is_not_even_fetched(look: dict[str, Any], gone: set[str]) -> None:
    """Each hiding parameter leaves its pictures out."""
    assert roles() - roles(**look) == gone


def test_the_activity_comes_before_the_song() -> None:
    """And gives way to it where it is ignored."""
    first, second = shown(BOTH), shown(BOTH, ignored=frozenset({"383226320970055681"}))
    assert first.panel is not None
    assert second.panel is not None
    assert not first.panel.spotify
    assert second.panel.spotify
    assert shown(LISTENING, hide_spotify=True).panel is None


def test_idle() -> None:
    """Said, unless the activity is hidden: always, or when there is none."""
    assert shown(NOTHING, idle_message="zzz").idle == "zzz"
    assert shown(NOTHING, hide_activity="true").idle is None
    assert shown(NOTHING, hide_activity="whenNotUsed").idle is None
    assert shown(AT_WORK, hide_activity="whenNotUsed").panel is not None


def test_names() -> None:
    """Both, one where they are equal, the user name alone where it is asked for."""
    assert shown(display_name=False).name == "grwx"
    assert shown(display_name=False).username is None
    same = choose(like(AUDIBERT, display_name="grwx"), AT_WORK, Look())[0]
    assert (same.name, same.username) == ("grwx", None)


@pytest.mark.parametrize(
    ("changes", "heading", "title", "lines"),
    [
        ({"type": "Watching"}, "Watching Visual Studio Code", "Editing README.md", None),
        ({"type": "Streaming", "details": None}, "Live on", "Visual Studio Code", None),
        ({"type": "Competing"}, "Competing in", "Visual Studio Code", None),
        ({"type": None}, "", "Visual Studio Code", None),
        ({"state": "Editing README.md"}, "Playing", None, ("Editing README.md",)),
        ({"details": " ", "state": None}, "Playing", None, ()),
    ],
)
def test_activities_of_each_kind(
    changes: dict[str, object], heading: str, title: str | None, lines: tuple[str, ...] | None
) -> None:
    """Said as Discord says it, and nothing twice."""
    panel = shown(like(AT_WORK, activity=[like(EDITOR, **changes)])).panel
    assert panel is not None
    assert panel.heading == heading
    assert title is None or panel.title == title
    assert lines is None or panel.lines == lines


def test_times_are_hidden() -> None:
    """hideTimestamp takes the clock and the bar."""
    panel = shown(LISTENING, hide_timestamp=True).panel
    assert panel is not None
    assert (panel.start, panel.end) == (None, None)


def test_only_what_moves_is_asked_for_in_motion() -> None:
    """An animated avatar's hash begins with a_."""
    moving = like(AUDIBERT, avatar="a_1")
    assert {w.role for w in choose(moving, AT_WORK, Look())[1] if w.moves} == {
        "avatar",
        "decoration",
    }
    assert not any(want.moves for want in choose(moving, AT_WORK, Look(animated=False))[1])
