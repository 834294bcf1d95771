"""Slices: who is shown what, and when the loop gets its turn."""

from __future__ import annotations

import asyncio

from services.ws.counters import Counters
from services.ws.fanout import FanOut
from tests.ws.room import ANNA, BERT
from tests.ws.test_session import show, topic_at, watching


async def test_few_watchers_are_done_at_once() -> None:
    """Up to a slice is shown before `push` returns: every update, not only the newest."""
    topic = topic_at(1)
    peer, _ = watching(topic)
    fan_out = FanOut(256, Counters())
    fan_out.push(topic)
    for number in range(2, 100):
        show(topic, number)
        fan_out.push(topic)
    assert len(peer.frames) == 1 + 2 * 98


async def test_many_watchers_go_in_slices() -> None:
    """A turn of the loop shows to one slice."""
    topic = topic_at(1)
    peers = [watching(topic)[0] for _ in range(10)]
    fan_out = FanOut(4, Counters())
    fan_out.push(topic)
    reached = [sum(bool(peer.frames) for peer in peers)]
    while reached[-1] < 10:
        await asyncio.sleep(0)
        reached.append(sum(bool(peer.frames) for peer in peers))
    assert reached == [4, 8, 10]


async def test_a_change_during_a_pass() -> None:
    """Everyone ends with the newest state; nobody gets an older one after a newer one."""
    topic = topic_at(1)
    peers = [watching(topic)[0] for _ in range(10)]
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
    crowd = [watching(large)[0] for _ in range(100)]
    peer, _ = watching(small)
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


async def test_a_topic_without_watchers() -> None:
    """It is done at once, and costs the next turn nothing."""
    fan_out = FanOut(2, Counters())
    for number in range(10):
        fan_out.push(topic_at(number + 1))
    await asyncio.sleep(0)
