"""Slices: which subscriptions are served, and when the event loop gets its turn."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from msgspec import Raw

from services.ws import fan_out as fan_out_module
from services.ws.counters import Counters
from services.ws.fan_out import FanOut, Shown
from services.ws.peer import NO_FD
from services.ws.session import PresenceSession
from services.ws.topic import Subscription, Topic
from shared.model.message import PresenceMessage
from shared.telemetry.metrics import total
from tests.scraped import observations
from tests.ws.test_session import Peer, show, subscribed, topic_at
from tests.ws.ws_fixture import ANNA, BERT


async def test_few_subscriptions_are_served_at_once() -> None:
    """Up to one slice is served before `push` returns: every update, not only the newest."""
    topic = topic_at(1)
    peer, _ = subscribed(topic)
    fan_out = FanOut(256, Counters())
    fan_out.push(topic)
    for number in range(2, 100):
        show(topic, number)
        fan_out.push(topic)
    assert len(peer.frames) == 1 + 2 * 98


async def test_many_subscriptions_are_served_in_slices() -> None:
    """One iteration of the loop serves one slice."""
    topic = topic_at(1)
    peers = [subscribed(topic)[0] for _ in range(10)]
    fan_out = FanOut(4, Counters())
    fan_out.push(topic)
    reached = [sum(bool(peer.frames) for peer in peers)]
    while reached[-1] < 10:
        await asyncio.sleep(0)
        reached.append(sum(bool(peer.frames) for peer in peers))
    assert reached == [4, 8, 10]


async def test_a_change_during_a_pass() -> None:
    """Every client ends with the newest state, and none goes back to an older one."""
    topic = topic_at(1)
    peers = [subscribed(topic)[0] for _ in range(10)]
    fan_out = FanOut(3, Counters())
    fan_out.push(topic)
    show(topic, 2)
    fan_out.push(topic)
    for _ in range(12):
        await asyncio.sleep(0)
    newest = topic.presence_frame()
    early = [peer for peer in peers if len(peer.frames) == 3]
    late = [peer for peer in peers if len(peer.frames) == 1]
    assert (len(early), len(late)) == (3, 7)
    assert all(peer.frames[-1] == newest for peer in early)
    assert all(peer.frames == [topic.initial_frame()] for peer in late)


async def test_a_large_topic_does_not_hold_up_a_small_one() -> None:
    """Topics take turns."""
    large, small = topic_at(1, ANNA), topic_at(1, BERT)
    crowd = [subscribed(large)[0] for _ in range(100)]
    peer, _ = subscribed(small)
    fan_out = FanOut(10, Counters())
    fan_out.push(large)
    fan_out.push(small)
    for _ in range(3):
        await asyncio.sleep(0)
    assert peer.frames
    assert not all(one.frames for one in crowd)
    for _ in range(20):
        await asyncio.sleep(0)
    assert all(len(one.frames) == 1 for one in crowd)


async def test_a_topic_without_subscriptions() -> None:
    """It is done at once, and uses nothing of the next slice."""
    fan_out = FanOut(2, Counters())
    for number in range(10):
        fan_out.push(topic_at(number + 1))
    await asyncio.sleep(0)


async def test_an_age_is_taken_once_for_each_pass() -> None:
    """Not once per socket, not without subscriptions, and not if Discord's time is unknown."""
    topic = topic_at(1)
    counters = Counters()
    for _ in range(10):
        subscribed(topic, counters=counters)
    fan_out = FanOut(4, counters)
    fan_out.push(topic)
    await _turns(4)
    assert passes(counters) == 0
    for number in range(2, 5):
        told(topic, number)
        fan_out.push(topic)
        await _turns(4)
        assert passes(counters) == number - 1
    idle = topic_at(1, BERT)
    told(idle, 2)
    fan_out.push(idle)
    assert passes(counters) == 3


async def test_the_oldest_change_of_a_pass_counts() -> None:
    """A change during a pass waits for the next pass, and so does its age."""
    topic = topic_at(1)
    counters = Counters()
    for _ in range(10):
        subscribed(topic, counters=counters)
    fan_out = FanOut(4, counters)
    fan_out.push(topic)
    await _turns(4)
    told(topic, 2)
    fan_out.push(topic)
    told(topic, 3, seconds_ago=100)
    fan_out.push(topic)
    told(topic, 4)
    fan_out.push(topic)
    await _turns(8)
    assert passes(counters) == 2
    assert 100 < observations(counters.ages)[1] < 160


async def test_a_clock_that_is_behind_gives_no_age_below_nothing() -> None:
    """If the gateway's clock is ahead, the age is zero."""
    topic = topic_at(1)
    counters = Counters()
    subscribed(topic, counters=counters)
    fan_out = FanOut(4, counters)
    fan_out.push(topic)
    told(topic, 2, seconds_ago=-100)
    fan_out.push(topic)
    assert (passes(counters), observations(counters.ages)[1]) == (1, 0.0)


class OnlyPasses(FanOut):
    """Every topic goes through a pass."""

    def push(self, topic: Shown) -> None:
        if topic in self._by_topic:
            self._by_topic[topic].again = True
        else:
            self._start(topic)
            self._work()
            self._schedule_resume()


class Scene:
    """Two users, and clients that come, go, pause and read again, as the numbers say."""

    def __init__(self, kind: type[FanOut], slice_size: int, seed: int) -> None:
        self.counters = Counters()
        self.topics = [topic_at(1, ANNA), topic_at(1, BERT)]
        self.peers: list[DescriptorPeer] = []
        self._sessions: list[PresenceSession] = []
        self._fan_out = kind(slice_size, self.counters)
        self._chosen = random.Random(seed)
        self._number = 1

    async def play(self, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
        monkeypatch.setattr(fan_out_module, "write", self._write)
        for _ in range(steps):
            self._step()
            if self._chosen.random() < 0.2:
                await asyncio.sleep(0)
        await _turns(100)

    def kept(self) -> list[bytes | None]:
        return [topic._presence_frame for topic in self.topics]

    def _write(self, fd: int, frame: bytes) -> int:
        """The kernel takes the whole frame, a part of it, or nothing."""
        peer = self.peers[fd]
        taken = self._chosen.choice([len(frame)] * 8 + [3, -1])
        if taken < 0:
            raise BlockingIOError
        peer.taken += frame[:taken]
        return taken

    def _step(self) -> None:
        chosen, topic = self._chosen, self._chosen.choice(self.topics)
        match chosen.choice(("join", "leave", "pause", "resume", *("change",) * 6, "profile")):
            case "join":
                self._join(topic)
            case "leave" if topic.subscriptions:
                subscription = chosen.choice(list(topic.subscriptions))
                del topic.subscriptions[subscription]
                subscription.fd = NO_FD
            case "pause" | "resume" as action if self.peers:
                number = chosen.randrange(len(self.peers))
                self.peers[number].paused = action == "pause"
                if action == "pause":
                    self._sessions[number].stop_direct_writes()
                else:
                    self._sessions[number].send_pending()
            case "profile":
                self._number += 1
                show(topic, self._number)
                self._fan_out.push(topic)
            case "change":
                self._number += 1
                told(topic, self._number, seconds_ago=100)
                self._fan_out.push(topic)

    def _join(self, topic: Topic) -> None:
        peer = DescriptorPeer(self.counters, len(self.peers))
        session = PresenceSession(peer, self.counters)
        subscription = Subscription(session, topic)
        session.subscriptions = [subscription]
        topic.subscriptions[subscription] = None
        self.peers.append(peer)
        self._sessions.append(session)
        session.show(subscription)


class DescriptorPeer(Peer):
    """One with a descriptor. What it gets is one stream of bytes, whichever way it takes."""

    def __init__(self, counters: Counters, fd: int) -> None:
        super().__init__(counters)
        self.fd = fd
        self.taken = b""

    def write(self, frame: bytes) -> None:
        super().write(frame)
        self.taken += frame

    def write_rest(self, rest: bytes) -> None:
        self.taken += rest


@pytest.mark.parametrize("slice_size", [1, 2, 3, 64])
async def test_a_topic_without_a_pass_is_served_as_with_one(
    monkeypatch: pytest.MonkeyPatch, slice_size: int
) -> None:
    """The same bytes to each client, the same numbers, and as few frames kept."""
    written = 0
    for seed in range(100):
        scenes = [Scene(kind, slice_size, seed) for kind in (FanOut, OnlyPasses)]
        for scene in scenes:
            await scene.play(monkeypatch, 120)
        ours, reference = scenes
        assert [peer.taken for peer in ours.peers] == [peer.taken for peer in reference.peers]
        assert ours.counters.frames == reference.counters.frames
        assert total(ours.counters.skipped) == total(reference.counters.skipped)
        assert passes(ours.counters) == passes(reference.counters)
        assert ours.kept() == reference.kept()
        written += ours.counters.frames
    assert written > 2_900


def told(topic: Topic, number: int, *, seconds_ago: float = 0.0) -> None:
    """Apply an update that Discord sent so long ago."""
    presence = Raw(b'{"number":%d}' % number)
    received = round((time.time() - seconds_ago) * 1e6)
    topic.apply(PresenceMessage(number, presence=presence, received=received))


def passes(counters: Counters) -> float:
    """The number of recorded ages."""
    return observations(counters.ages)[0]


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
