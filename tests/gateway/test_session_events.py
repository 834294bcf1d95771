"""The events of a session: each is handled once."""

from __future__ import annotations

from typing import Any

from services.gateway.discord.session_events import DiscordSession, SessionEvents
from services.gateway.event_handler import EventHandler
from tests.gateway.leases import replay

SESSION = DiscordSession("old", "ws://127.0.0.1", 7)


class RecordingHandler(EventHandler):
    """Remembers the names of events."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def begin_replay(self) -> None:
        pass

    def end_replay(self) -> None:
        pass

    def handle(self, name: str, payload: Any) -> None:
        self.names.append(name)


def events_of(session: DiscordSession | None) -> tuple[SessionEvents, list[str]]:
    handler = RecordingHandler()
    return SessionEvents(session, handler, replay()), handler.names


async def test_events_that_an_earlier_process_handled_are_ignored() -> None:
    """They are part of the replay. RESUMED is always handled: it has no meaning of its own."""
    events, names = events_of(SESSION)
    events.receive("A", 6, {})
    events.receive("B", 7, {})
    events.receive("RESUMED", 7, {})
    events.receive("C", 8, {})
    events.receive("D", 8, {})
    assert names == ["RESUMED", "C"]


async def test_new_session_counts_from_its_beginning() -> None:
    """Its sequence numbers begin at 1 again."""
    events, names = events_of(SESSION)
    events.receive("READY", 1, {"session_id": "new"})
    events.receive("A", 2, {})
    events.receive("READY", 1, {"session_id": "new"})
    assert names == ["READY", "A"]


async def test_ready_after_an_identify_begins_a_session_whatever_its_id() -> None:
    """Other implementations of Discord's gateway use the id of the last session again."""
    events, names = events_of(SESSION)
    events.start_connection(identifies=True)
    events.receive("READY", 1, {"session_id": SESSION.id})
    events.receive("A", 2, {})
    assert names == ["READY", "A"]


async def test_ready_after_a_resume_is_a_replayed_one() -> None:
    """Also where an Identify has begun the session."""
    events, names = events_of(None)
    events.start_connection(identifies=True)
    events.receive("READY", 1, {"session_id": "new"})
    events.receive("A", 2, {})
    events.start_connection(identifies=False)
    events.receive("READY", 1, {"session_id": "new"})
    events.receive("A", 2, {})
    events.receive("B", 3, {})
    assert names == ["READY", "A", "B"]


async def test_identify_without_an_answer_is_not_taken_for_the_next_resume() -> None:
    events, names = events_of(SESSION)
    events.start_connection(identifies=True)
    events.start_connection(identifies=False)
    events.receive("READY", 1, {"session_id": SESSION.id})
    assert names == []


async def test_nothing_is_handled_after_the_shard_has_ended() -> None:
    """hikari goes on reading for a moment, and another process may run the shard by then."""
    events, names = events_of(None)
    events.receive("A", 1, {})
    seen = events.last_event
    assert seen > 0
    events.close()
    events.receive("B", 2, {})
    assert names == ["A"]
    assert events.last_event == seen
