"""Which frames of a client are pending, and when they are sent."""

from __future__ import annotations

from services.ws.counters import Counters
from services.ws.fan_out import FanOut
from services.ws.peer import NO_FD
from services.ws.protocol import UNAVAILABLE, USER_NOT_MONITORED, CloseReason, ErrorNotice
from services.ws.session import PresenceSession
from services.ws.topic import Subscription, Topic
from shared.model.snapshot import Snapshot
from tests.ws.ws_fixture import ANNA, BERT


class Peer:
    """A socket that records frames."""

    def __init__(self, counters: Counters | None = None) -> None:
        self.counters = counters or Counters()
        self.fd = NO_FD
        self.paused = False
        self.frames: list[bytes] = []
        self.close_reason: CloseReason | None = None

    def write(self, frame: bytes) -> None:
        self.counters.frames += 1
        self.frames.append(frame)

    def write_rest(self, rest: bytes) -> None:
        raise AssertionError("no frame is written to a descriptor here")

    def close(self, reason: CloseReason) -> None:
        self.close_reason = reason


def topic_at(number: int, user_id: int = ANNA) -> Topic:
    topic = Topic(user_id)
    topic.apply_extras(None)
    show(topic, number)
    return topic


def show(topic: Topic, number: int) -> None:
    topic.load(Snapshot(number, b'{"n":%d}' % number, b'{"s":%d}' % number))


def subscribed(*topics: Topic, counters: Counters | None = None) -> tuple[Peer, PresenceSession]:
    peer = Peer(counters)
    session = PresenceSession(peer, peer.counters)
    session.subscriptions = [Subscription(session, topic) for topic in topics]
    for subscription in session.subscriptions:
        subscription.topic.subscriptions[subscription] = None
    return peer, session


def test_nothing_before_the_topic_is_ready() -> None:
    """A new subscription waits for a whole state."""
    peer, session = subscribed(Topic(ANNA))
    session.show(session.subscriptions[0])
    assert peer.frames == []


def test_showing_twice_sends_once() -> None:
    """What the client has is not sent again."""
    topic = topic_at(1)
    peer, session = subscribed(topic)
    session.show(session.subscriptions[0])
    session.show(session.subscriptions[0])
    assert peer.frames == [topic.initial_frame()]


def test_a_subscription_that_has_ended_gets_nothing_more() -> None:
    """The client is still to be told why: others come first."""
    topic = topic_at(1)
    peer, session = subscribed(topic)
    topic.subscriptions.clear()
    session.send_pending()
    assert peer.frames == []


def test_a_paused_client_gets_the_newest_state() -> None:
    """However much it missed, it gets one state."""
    topic = topic_at(1)
    peer, session = subscribed(topic)
    session.show(session.subscriptions[0])
    peer.paused = True
    for number in range(2, 100):
        show(topic, number)
        session.show(session.subscriptions[0])
    peer.paused = False
    session.send_pending()
    assert peer.frames[1:] == [topic.profile_frame(), topic.presence_frame()]


def test_there_and_back_again() -> None:
    """If the state changes back to what the client has, nothing is sent."""
    topic = Topic(ANNA)
    topic.apply_extras(None)
    topic.load(Snapshot(1, b'{"n":1}', b'{"s":1}'))
    peer, session = subscribed(topic)
    session.show(session.subscriptions[0])
    peer.paused = True
    topic.load(Snapshot(2, b'{"n":2}', b'{"s":2}'))
    topic.load(Snapshot(3, b'{"n":1}', b'{"s":1}'))
    peer.paused = False
    session.send_pending()
    assert len(peer.frames) == 1


def test_a_full_buffer_stops_sending() -> None:
    """The rest is sent when the client reads again."""
    peer, session = subscribed(topic_at(1, ANNA), topic_at(1, BERT))
    write = peer.write

    def write_and_fill(frame: bytes) -> None:
        write(frame)
        peer.paused = True

    peer.write = write_and_fill  # type: ignore[method-assign]
    session.send_pending()
    assert len(peer.frames) == 1
    peer.paused = False
    session.send_pending()
    assert len(peer.frames) == 2


def test_the_last_refusal_ends_the_connection() -> None:
    """A refusal of one of several users leaves the connection open."""
    peer, session = subscribed(topic_at(1, ANNA), topic_at(1, BERT))
    notice = ErrorNotice(USER_NOT_MONITORED, "Gone.")
    session.refuse(session.subscriptions[0], notice)
    assert peer.close_reason is None
    session.refuse(session.subscriptions[0], notice)
    assert peer.close_reason is USER_NOT_MONITORED
    assert peer.frames == [notice.frame] * 2


def test_an_outage_ends_the_connection() -> None:
    """One user that cannot be read closes the connection: the client has to reconnect."""
    peer, session = subscribed(topic_at(1, ANNA), topic_at(1, BERT))
    session.refuse(session.subscriptions[0], ErrorNotice(UNAVAILABLE, "Later."))
    assert peer.close_reason is UNAVAILABLE


async def test_a_subscription_that_ends_during_a_pass() -> None:
    """It gets nothing more, and the others get everything."""
    topic = topic_at(1)
    clients = [subscribed(topic) for _ in range(5)]
    fan_out = FanOut(2, Counters())
    fan_out.push(topic)
    for _, session in clients:
        del topic.subscriptions[session.subscriptions[0]]
    fan_out.push(topic)
    assert sum(len(peer.frames) for peer, _ in clients) == 2
