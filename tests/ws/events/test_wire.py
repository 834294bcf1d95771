"""The bytes of an event stream, read by a parser that follows the HTML standard."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ws import protocol
from services.ws.events import wire
from services.ws.events.view import EventView
from services.ws.protocol import RATE_LIMITED, RESTART, CloseReason, ErrorNotice
from services.ws.topic import Topic
from shared.model.snapshot import Snapshot
from testing.event_stream import EventStreamParser, ServerSentEvent
from tests.ws.ws_fixture import ANNA


def only_event(raw: bytes) -> ServerSentEvent:
    (event,) = EventStreamParser().feed(raw)
    return event


def payload(frame: bytes) -> bytes:
    """Of a short WebSocket frame."""
    assert frame[1] < 126
    return frame[2:]


def test_the_same_json_as_on_a_websocket() -> None:
    """An event is named by its op, and its data is the WebSocket's frame."""
    for event, frame in (
        (
            wire.initial_data(7, b'{"p":1}', b'{"s":1}'),
            protocol.initial_data(7, b'{"p":1}', b'{"s":1}'),
        ),
        (wire.presence_update(7, b'{"s":1}'), protocol.presence_update(7, b'{"s":1}')),
        (wire.profile_update(7, b'{"p":1}'), protocol.profile_update(7, b'{"p":1}')),
        (wire.error(ErrorNotice(RESTART, "x")), ErrorNotice(RESTART, "x").frame),
    ):
        read = only_event(event)
        assert read.data.encode() == payload(frame)
        assert read.frame["op"] == read.type
        assert read.last_id == ""


@given(st.text())
def test_any_text_is_one_event(text: str) -> None:
    """Line ends and whatever else a name may hold stay inside the event."""
    presence = msgspec.json.encode({"status": text})
    read = only_event(wire.presence_update(ANNA, presence))
    assert read.frame["d"] == {"status": text}


@pytest.mark.parametrize("space", [b"\n", b"\r", b"\r\n", b"\n\n"])
def test_white_space_in_json_does_not_end_an_event(space: bytes) -> None:
    """JSON from elsewhere may be spread over lines."""
    read = only_event(wire.presence_update(ANNA, b'{"a":' + space + b"1}"))
    assert read.frame["d"] == {"a": 1}


@pytest.mark.parametrize("reason", [RESTART, RATE_LIMITED, protocol.UNAVAILABLE])
def test_retries_are_spread(reason: CloseReason) -> None:
    """Streams that end together are not asked for again together."""
    found = set()
    for _ in range(100):
        parser = EventStreamParser()
        assert parser.feed(wire.retry(reason)) == []
        found.add(parser.retry_ms)
    assert len(found) > 10
    assert min(found) >= wire.MIN_RETRY_MS


def test_a_comment_is_no_event() -> None:
    """Nor does it end one that is being read."""
    parser = EventStreamParser()
    assert parser.feed(wire.COMMENT + wire.COMMENT) == []
    assert parser.comments == 2


def test_an_event_is_built_once() -> None:
    """Every stream gets the same bytes, until the state changes or the pass is over."""
    topic = Topic(ANNA)
    topic.load(Snapshot(1, b'{"n":1}', b'{"s":1}'))
    view = EventView(topic)
    presence, profile = view.presence_frame(), view.profile_frame()
    assert view.presence_frame() is presence
    assert view.profile_frame() is profile
    topic.load(Snapshot(2, b'{"n":2}', b'{"s":2}'))
    assert only_event(view.presence_frame()).frame["d"] == {"s": 2}
    assert only_event(view.profile_frame()).frame["d"] == {"profile": {"n": 2}}
    second = view.presence_frame()
    view.drop_frames()
    assert view.presence_frame() == second
