"""Any sequence of messages, updates and pauses, against a model of what a client may be sent.

Long because the fakes, the model and the steps are read together.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from services.ws.client import PresenceClient
from services.ws.counters import Counters
from services.ws.hub import Hub
from services.ws.limits import WsLimits
from services.ws.peer import NO_FD
from services.ws.protocol import RATE_LIMITED, CloseReason
from services.ws.session import PresenceSession
from shared.model.message import PresenceMessage
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Snapshot
from shared.redis.subscriber import UpdateHandler
from testing.eventually import eventually
from tests.ended import ended

FIRST = 1274150219482660897
USERS = range(FIRST, FIRST + 4)
PROFILE = b'{"id":"%d"}'
LOADED = 20  # turns of the event loop, after which everything is loaded and sent
LIMITS = WsLimits(users=3, waiting_messages=1000, fan_out_slice=1)


class Message(Struct, frozen=True):
    """The client sends it."""

    op: str
    users: list[int]


class Change(Struct, frozen=True):
    """The gateway saves a new state of the user."""

    user: int


class Leave(Struct, frozen=True):
    """The user leaves the last server."""

    user: int


class Pause(Struct, frozen=True):
    """The client's buffer is full after so many frames."""

    after: int


class Resume(Struct, frozen=True):
    """The client reads again."""


class Turn(Struct, frozen=True):
    """So many turns of the event loop: loads and slices of a fan-out go on."""

    times: int


Step = Message | Change | Leave | Pause | Resume | Turn

users = st.sampled_from(USERS)
messages = st.builds(
    Message,
    st.sampled_from(["subscribe", "subscribe", "unsubscribe"]),
    st.lists(users, max_size=4, unique=True),
)
sequences = st.lists(
    messages
    | messages
    | st.builds(Change, users)
    | st.builds(Change, users)
    | st.builds(Change, users)
    | st.builds(Leave, users)
    | st.builds(Pause, st.integers(0, 3))
    | st.builds(Resume)
    | st.builds(Turn, st.sampled_from([1, 2, LOADED])),
    max_size=40,
)


BEGINNING: list[Step] = [
    *map(Change, USERS),
    Message("subscribe", list(USERS[:3])),
    Turn(LOADED),
]


class Redis:
    """The truth: which users are monitored, and their newest state."""

    connected = True
    reports_joins = True
    unreadable = 0

    def __init__(self) -> None:
        self.states: dict[int, int] = {}  # user to version, which is also the state

    def connect(self, _: UpdateHandler) -> Redis:
        return self

    async def subscribe(self, user_id: int) -> None:
        await asyncio.sleep(0)

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def find(self, user_ids: Sequence[int]) -> set[int]:
        found = self.states.keys() & set(user_ids)
        await asyncio.sleep(0)
        return found

    async def find_absent(self, user_ids: Sequence[int]) -> set[int]:
        return set(user_ids) - self.states.keys()

    async def load_many(
        self, user_ids: Sequence[int], *, with_discord: Collection[int] = ()
    ) -> list[Any]:
        loaded = [
            Snapshot(self.states[one], PROFILE % one, b'{"n":%d}' % self.states[one])
            if one in self.states
            else None
            for one in user_ids
        ]
        await asyncio.sleep(0)
        return loaded

    def recovered(self) -> list[int]:
        return []

    @property
    def can_answer(self) -> bool:
        return True

    async def extras(self, user_id: int) -> ProfileExtras | None:
        await asyncio.sleep(0)
        return None


class PipePeer:
    """A client whose frames, those of direct writes too, arrive in a pipe."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.fd = fd
        self.paused = False
        self.pause_after: int | None = None
        self.session: PresenceSession | None = None
        self.close_reason: CloseReason | None = None

    def write(self, frame: bytes) -> None:
        assert not self.paused or b'"op":"error"' in frame, "states wait in the topics"
        os.write(self._fd, frame)
        if self.pause_after is not None:
            self.pause_after -= 1
            if self.pause_after < 0:
                self.pause()

    def pause(self) -> None:
        self.pause_after = None
        self.paused = True
        if self.session is not None:
            self.session.stop_direct_writes()

    def write_rest(self, rest: bytes) -> None:
        raise AssertionError("the pipe takes every frame")

    def close(self, reason: CloseReason) -> None:
        self.close_reason = reason


class Model:
    """What the client has asked for and what it was told. `take` fails on a frame too many."""

    def __init__(self) -> None:
        self.wanted: set[int] = set()
        self.unanswered: set[int] = set()
        self.shown: dict[int, int] = {}  # the newest state of each user so far
        self.sent: deque[Message] = deque()  # and not handled by the server yet

    def handle(self) -> None:
        """The server applies the oldest message."""
        message = self.sent.popleft()
        assert not self._is_too_much(message)
        if message.op == "unsubscribe":
            self.wanted -= set(message.users)
            self.unanswered -= set(message.users)
        else:
            self.wanted |= set(message.users)
            self.unanswered |= set(message.users)

    def _is_too_much(self, message: Message) -> bool:
        held = self.wanted if message.op == "subscribe" else set()
        return len(held.union(message.users)) > LIMITS.users

    def take(self, frame: dict[str, Any]) -> None:
        """The client gets the frame."""
        if frame["user_id"] is None:
            assert frame["d"]["code"] == "too_many_users"
            assert self._is_too_much(self.sent.popleft())
            return
        user_id = int(frame["user_id"])
        assert user_id in self.wanted, "a user who is not subscribed"
        match frame["op"]:
            case "error":
                assert frame["d"]["code"] == "user_not_monitored"
                self.wanted.discard(user_id)
                self.unanswered.discard(user_id)
            case "initial_data":
                assert user_id in self.unanswered, "a second initial_data"
                self.unanswered.discard(user_id)
                assert frame["d"]["n"] >= self.shown.get(user_id, 0), "an older state"
                self.shown[user_id] = frame["d"]["n"]
            case "presence_update":
                assert user_id not in self.unanswered, "an update before initial_data"
                assert frame["d"]["n"] > self.shown[user_id], "a repeated or an older state"
                self.shown[user_id] = frame["d"]["n"]
            case op:
                raise AssertionError(op)


class Scene:
    """A hub, a client, and the model of it."""

    def __init__(self, reads: int, writes: int, limits: WsLimits = LIMITS) -> None:
        self.redis = Redis()
        self._reads = reads
        self.peer = PipePeer(writes)
        self._model = Model()
        self._version = 0
        counters = Counters()
        self.hub = Hub(
            self.redis.connect,
            self.redis,
            self.redis,
            self.redis.find,
            self.redis.find_absent,
            list_users=None,
            profile_ttl=300,
            limits=limits,
            counters=counters,
        )
        self._session = PresenceSession(self.peer, counters)
        self._session.keep_open = True
        self.peer.session = self._session
        self._client = PresenceClient(
            self.peer, self._session, self.hub, self._admit, limits, counters
        )
        self.hub.on_reconnect()

    async def do(self, step: Step) -> None:
        match step:
            case Message():
                self.send(step)
            case Change(user):
                self._save(user)
            case Leave(user):
                self._remove(user)
            case Pause(after):
                if not self.peer.paused:
                    self.peer.pause_after = after
                    if not after:
                        self.peer.pause()
            case Resume():
                self._resume()
            case Turn(times):
                for _ in range(times):
                    await asyncio.sleep(0)
                    self._read()
        self._read()
        assert self.peer.close_reason is None

    async def settle(self) -> None:
        """Nothing is pending any more: the client has been sent the truth."""
        self.peer.pause_after = None
        self._resume()

        def is_current() -> bool:
            self._read()
            model, states = self._model, self.redis.states
            return not (model.unanswered or model.sent) and all(
                model.shown[user_id] == states.get(user_id) for user_id in model.wanted
            )

        await eventually(is_current)
        assert {one.topic.user_id for one in self._session.subscriptions} == self._model.wanted
        assert all(one.fd != NO_FD for one in self._session.subscriptions)

    def send(self, message: Message) -> None:
        self._model.sent.append(message)
        ids = [str(user_id) for user_id in message.users]
        self._client.receive([msgspec.json.encode({"op": message.op, "user_ids": ids})])

    def _admit(self, _: Sequence[int], __: int) -> bool:
        """The server applies a message as soon as this returns."""
        self._read()
        self._model.handle()
        return True

    def _resume(self) -> None:
        if self.peer.paused:
            self.peer.paused = False
            self._client.apply_waiting()
            self._session.send_pending()

    def _save(self, user: int) -> None:
        self._version += 1
        joins = user not in self.redis.states
        self.redis.states[user] = self._version
        if joins:
            self.hub.joined(user)
        profile, presence = Raw(PROFILE % user), Raw(b'{"n":%d}' % self._version)
        self.hub.updated(user, PresenceMessage(self._version, profile, presence))

    def _remove(self, user: int) -> None:
        if self.redis.states.pop(user, None) is not None:
            self._version += 1
            self.hub.updated(user, PresenceMessage(self._version, removed=True))

    def _read(self) -> None:
        for payload in _frames(self._reads):
            self._model.take(msgspec.json.decode(payload))


def _frames(fd: int) -> Iterator[bytes]:
    """The payloads of the frames that have arrived; none is longer than 64 KiB."""
    try:
        data = os.read(fd, 1 << 16)
    except BlockingIOError:
        return
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        yield data[start : start + size]
        data = data[start + size :]


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    try:
        yield reads, writes
    finally:
        os.close(reads)
        os.close(writes)


@given(sequences)
@example([*map(Change, USERS), Message("unsubscribe", [USERS[1]]), Turn(2)])  # inside a fan-out
@example([Pause(1), *map(Change, USERS), Message("subscribe", [USERS[2]]), Resume()])
async def test_any_sequence(
    sequence: list[Step],
) -> None:
    """After an unsubscribe nothing, never a repeated or an older state, each user of a subscribe
    answered, and in the end the truth."""
    with pipe() as (reads, writes):
        scene = Scene(reads, writes)
        running = asyncio.create_task(scene.hub.run())
        try:
            for step in [*BEGINNING, *sequence]:
                await scene.do(step)
            await scene.settle()
        finally:
            await ended(running)


async def test_only_a_few_messages_wait() -> None:
    """One more from a client that reads no answers closes the connection."""
    with pipe() as (reads, writes):
        scene = Scene(reads, writes, WsLimits(waiting_messages=2))
        harmless = Message("unsubscribe", [])
        steps: list[Step] = [Pause(0), harmless, harmless, Resume(), Pause(0)]
        for step in steps:
            await scene.do(step)
        for reason in (None, None, RATE_LIMITED):
            assert scene.peer.close_reason is None
            scene.send(harmless)
            assert scene.peer.close_reason is reason
