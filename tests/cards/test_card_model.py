"""What a card shows of a user."""

from __future__ import annotations

from typing import Any

import pytest

from services.cards import card_model
from services.cards.card_model import CardModel
from services.cards.card_options import CardOptions
from shared.model.snapshot import Presence, Timestamps
from tests.cards.sample_users import (
    AT_WORK,
    AUDIBERT,
    CDN,
    EDITOR,
    LISTENING,
    NOTHING,
    NOW,
    SONG,
    like,
)

BOTH = like(AT_WORK, spotify=SONG)


def shown(presence: Presence = AT_WORK, **options: Any) -> CardModel:
    return card_model.build(AUDIBERT, presence, CardOptions(**options))[0]


def roles(presence: Presence = AT_WORK, **options: Any) -> set[str]:
    return {
        request.role for request in card_model.build(AUDIBERT, presence, CardOptions(**options))[1]
    }


def test_a_whole_card() -> None:
    """Every part of a profile and of an activity has its place."""
    model = shown()
    assert (model.name, model.username, model.tag) == ("Audibert", "grwx", "CODE")
    assert (model.status_text, model.emoji_text) == ("shipping on a friday", "🔥")
    assert len(model.badges) == 4
    assert model.panel is not None
    assert model.panel.title == "Visual Studio Code"
    assert model.panel.lines == ("Editing README.md", "Workspace: audibert")
    assert roles() == {"avatar", "decoration", "tag", "art", "small"} | {
        f"badge{n}" for n in range(4)
    }


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"hide_decoration": True}, {"decoration"}),
        ({"hide_tag": True}, {"tag"}),
        ({"hide_badges": True}, {"badge0", "badge1", "badge2", "badge3"}),
        ({"hide_activity": "true"}, {"art", "small"}),
        ({"ignored": frozenset({"383226320970055681"})}, {"art", "small"}),
    ],
)
def test_hidden_images_are_not_requested(options: dict[str, Any], gone: set[str]) -> None:
    """Each hiding parameter removes its images."""
    assert roles() - roles(**options) == gone


@pytest.mark.parametrize(
    ("options", "streaming"),
    [
        ({}, True),
        ({"hide_activity": "true"}, False),
        ({"hide_activity": "whenNotUsed"}, True),
        ({"ignored": frozenset({"1"})}, True),
        ({"ignored": frozenset({EDITOR.application_id})}, False),
    ],
)
def test_a_stream_that_is_hidden_is_no_status(options: dict[str, Any], streaming: bool) -> None:
    """Neither by its icon nor in words."""
    live = like(AT_WORK, activity=[like(EDITOR, type="Streaming")])
    assert shown(live, **options).streaming is streaming


def test_the_activity_comes_before_the_song() -> None:
    """Unless the activity is ignored."""
    first, second = shown(BOTH), shown(BOTH, ignored=frozenset({"383226320970055681"}))
    assert first.panel is not None
    assert second.panel is not None
    assert not first.panel.spotify
    assert second.panel.spotify
    assert shown(LISTENING, hide_spotify=True).panel is None


def test_idle() -> None:
    """The idle message is shown unless the activity is hidden: always, or when there is none."""
    assert shown(NOTHING, idle_message="zzz").idle == "zzz"
    assert shown(NOTHING, hide_activity="true").idle is None
    assert shown(NOTHING, hide_activity="whenNotUsed").idle is None
    assert shown(AT_WORK, hide_activity="whenNotUsed").panel is not None


def test_names() -> None:
    """Both names; one where they are equal; the user name alone where that was requested."""
    assert shown(display_name=False).name == "grwx"
    assert shown(display_name=False).username is None
    same = card_model.build(like(AUDIBERT, display_name="grwx"), AT_WORK, CardOptions())[0]
    assert (same.name, same.username) == ("grwx", None)


def test_pronouns() -> None:
    """Those that the user has written for Grux."""
    assert shown().pronouns is None
    model, _ = card_model.build(like(AUDIBERT, pronouns="they/them"), AT_WORK, CardOptions())
    assert model.pronouns == "they/them"


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
    """In Discord's words, and no text twice."""
    panel = shown(like(AT_WORK, activity=[like(EDITOR, **changes)])).panel
    assert panel is not None
    assert panel.heading == heading
    assert title is None or panel.title == title
    assert lines is None or panel.lines == lines


def test_times_are_hidden() -> None:
    """hideTimestamp removes the clock and the bar."""
    panel = shown(LISTENING, hide_timestamp=True).panel
    assert panel is not None
    assert (panel.start, panel.end) == (None, None)


def test_an_end_alone_is_a_time_too() -> None:
    """The card counts down, so it is drawn again as often as one that counts up."""
    model = shown(like(AT_WORK, activity=[like(EDITOR, timestamps=Timestamps(end=NOW + 9000))]))
    assert model.panel is not None
    assert model.panel.timed
    assert model.ticks
    assert not shown(like(AT_WORK, activity=[like(EDITOR, timestamps=Timestamps())])).ticks


def test_a_banner_is_shown_on_request() -> None:
    """It moves only if that is requested too, and if it can: its hash begins with a_."""

    def banner(address: str | None, **options: Any) -> list[bool]:
        user = like(AUDIBERT, banner_image=address)
        requests = card_model.build(user, AT_WORK, CardOptions(**options))[1]
        return [each.animated for each in requests if each.role == "banner"]

    moving, still = f"{CDN}/banners/1/a_1.png?size=1024", f"{CDN}/banners/1/1.png?size=1024"
    assert banner(moving) == banner(None, banner="animated") == []
    assert banner(moving, banner="true") == banner(still, banner="animated") == [False]
    assert banner(moving, banner="animated") == [True]
    assert banner(moving, banner="animated", animated=False) == [False]
    assert banner(moving, banner="true", hide_profile=True) == []


def test_a_nameplate_moves_where_its_video_can_be_shown() -> None:
    """The still one is requested too: not every nameplate has a video."""
    assert roles(nameplate=True) - roles() == {"nameplate", "nameplate-video"}
    assert roles(nameplate=True, animated_nameplate=False) - roles() == {"nameplate"}
    assert roles(nameplate=True, animated=False) - roles() == {"nameplate"}
    requests = card_model.build(AUDIBERT, AT_WORK, CardOptions(nameplate=True))[1]
    assert requests[-1].role == "nameplate-video"  # takes longest


def test_small_layouts_fetch_what_they_show() -> None:
    """And no image that they have no place for."""
    everything: dict[str, Any] = {"nameplate": True}
    full = roles(**everything)
    compact = roles(layout="compact", **everything)
    minimal = roles(layout="minimal", **everything)
    assert full - compact == {"nameplate", "nameplate-video", "small"}
    assert compact - minimal == {"badge0", "badge1", "badge2", "badge3"}


def test_only_animated_images_are_requested_animated() -> None:
    """An animated avatar's hash begins with a_."""
    user = like(AUDIBERT, avatar="a_1")
    requests = card_model.build(user, AT_WORK, CardOptions())[1]
    assert {each.role for each in requests if each.animated} == {"avatar", "decoration"}
    requests = card_model.build(user, AT_WORK, CardOptions(animated_decoration=False))[1]
    assert {each.role for each in requests if each.animated} == {"avatar"}
    requests = card_model.build(user, AT_WORK, CardOptions(animated=False))[1]
    assert not any(each.animated for each in requests)
