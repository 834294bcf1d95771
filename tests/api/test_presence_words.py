"""A presence in words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.api.endpoints.presence_words import MAX_CHARS, MAX_PART_CHARS, in_words, one_line
from shared.model.snapshot import Activity, CustomStatus, Listening, Presence, Timestamps


def activity(kind: object, name: str | None, details: str | None = None) -> Activity:
    return Activity(
        type=kind,  # type: ignore[arg-type]
        name=name,
        state=None,
        details=details,
        largeText=None,
        largeImage=None,
        smallText=None,
        smallImage=None,
        timestamps=Timestamps(),
        created_at=None,
        application_id=None,
        url=None,
        buttons=[],
        party=None,
    )


def song(title: str | None, artist: str | None) -> Listening:
    return Listening(
        app="Tidal",
        application_id=None,
        song=title,
        artist=artist,
        album=None,
        album_image=None,
        link=None,
        timestamps=Timestamps(),
        created_at=None,
    )


def presence(status: object, *activities: Activity, **more: object) -> Presence:
    found = {"spotify": None, "custom_status": None, **more}
    return Presence(status=status, activity=list(activities), **found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (presence("online"), "Online"),
        (presence("idle"), "Idle"),
        (presence("dnd"), "Do not disturb"),
        (presence("invisible"), "Offline"),
        (
            presence("online", activity("Playing", "Chess", "Blitz"), activity("Playing", "Go")),
            "Online · Playing Chess: Blitz · Playing Go",
        ),
        (
            presence("online", activity("Streaming", "Art"), activity("Watching", "Birds")),
            "Online · Streaming Art · Watching Birds",
        ),
        (presence("idle", activity("Competing", "A Cup")), "Idle · Competing in A Cup"),
        (presence("idle", activity(None, "Something new")), "Idle · Something new"),
        (presence("idle", activity("Playing", None)), "Idle"),
        (
            presence("online", custom_status=CustomStatus("brb, tea", None)),
            "Online · “brb, tea”",
        ),
        (presence("online", custom_status=CustomStatus(None, None)), "Online"),
        (
            presence(
                "online", activity("Listening", "Tidal", "90mph"), listening=song("90mph", "J")
            ),
            "Online · Listening to 90mph by J",
        ),
        (presence("online", listening=song("90mph", None)), "Online · Listening to 90mph"),
        (
            presence(
                "online",
                replace(activity("Listening", "Podcasts"), application_id="1"),
                listening=song("90mph", None),
            ),
            "Online · Listening to 90mph · Listening to Podcasts",
        ),
        (
            presence("online", activity("Listening", "Radio"), listening=song(None, None)),
            "Online · Listening to Radio",
        ),
    ],
)
def test_a_presence_in_words(shown: Presence, words: str) -> None:
    """Status, custom status, song, then the activities in Discord's order."""
    assert in_words(shown) == words


def test_it_is_not_longer_than_chats_show() -> None:
    """Whole parts only."""
    many = [activity("Playing", f"{number} {'long ' * 40}") for number in range(9)]
    words = in_words(presence("online", *many))
    assert MAX_CHARS - 2 * MAX_PART_CHARS < len(words) <= MAX_CHARS
    assert words.endswith("…")


def test_a_strangers_text_is_one_line() -> None:
    """Without what breaks lines, or turns the text after it."""
    assert one_line(" a\n\u202eb\x00\t c\u2028d ") == "a b c d"
    assert one_line("x" * 500) == "x" * (MAX_PART_CHARS - 1) + "…"
    assert one_line("שלום 👩‍👩‍👧") == "שלום 👩‍👩‍👧"
