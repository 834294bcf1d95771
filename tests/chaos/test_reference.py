"""What a client that keeps up has to be shown: gaps are seen, and those that are none are not."""

from __future__ import annotations

from chaos.facts import Seen
from chaos.reference import Published, gaps

STOOD = 1.0
STATES = [Seen("online", None, (), f"#{number}") for number in range(4)]


def published(*pauses: float) -> list[Published]:
    """As many states as that and one more, with these pauses in between."""
    at = 0.0
    found = [Published(at, STATES[0])]
    for pause, state in zip(pauses, STATES[1:], strict=False):
        at += pause
        found.append(Published(at, state))
    return found


def test_everything_was_shown() -> None:
    assert gaps(published(STOOD, STOOD), STATES[:3], STOOD) == []


def test_what_stood_for_long_and_was_not_shown_is_a_gap() -> None:
    """In the middle, and at the end, where nothing came after it."""
    assert "#1" in gaps(published(STOOD, STOOD), [STATES[0], STATES[2]], STOOD)[0]
    assert "#2" in gaps(published(STOOD, STOOD), STATES[:2], STOOD)[0]


def test_what_was_replaced_at_once_may_be_skipped() -> None:
    assert gaps(published(0.01, STOOD), STATES[1:3], STOOD) == []


def test_what_was_not_published_is_seen() -> None:
    """Nor may states come in another order."""
    assert "#3" in gaps(published(STOOD), [*STATES[:2], STATES[3]], STOOD)[0]
    assert gaps(published(STOOD), [STATES[1], STATES[0]], STOOD) != []
