"""Clients that are subscribed to everyone: each costs a number, not a subscription to every user.

Users lie in the order of their last change, which has a number. A client holds the number of the
change that it was sent last, and lacks whatever comes after it. A client that is too slow for every
change thus skips to the newest state of each user.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Hashable
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

from services.ws.lanyard import protocol
from services.ws.lanyard.protocol import Encoding
from services.ws.lanyard.view import LanyardUser
from services.ws.peer import Peer
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

SLICE_FRAMES: Final = 64  # between two chances for the loop to do other work
SPARE_CHANGES: Final = 1024  # superseded ones that are kept in any case
# Clients that come within this time share one INIT_STATE. What a user hides is gone in a second.
INIT_STATE_AGE_S: Final = 0.5
SCAN_INTERVAL_S: Final = 10.0  # where Redis does not report joins
RETRY_S: Final = 1.0

ListUsers = Callable[[], AsyncIterator[list[int]]]
"""shared.redis.store.Store.users: raises StoreUnavailable."""


class EveryoneSource(Protocol):
    """services.ws.hub.Hub, as far as it is needed here."""

    @property
    def reports_joins(self) -> bool:
        """Whether `Everyone.joined` is called."""

    def follow(self, user_id: int, asker: Hashable) -> LanyardUser: ...

    def unfollow(self, user: LanyardUser) -> None: ...


class Member:
    """One client."""

    __slots__ = ("encoding", "excluded", "peer", "sent")

    def __init__(self, peer: Peer, encoding: Encoding) -> None:
        self.peer = peer
        self.encoding = encoding
        self.excluded: set[int] = set()  # users from whom the client has unsubscribed
        self.sent: int | None = None  # the last change it was sent; None: INIT_STATE is to come


class _InitState(NamedTuple):
    """All users, for members that have none of them yet."""

    frame: bytes
    number: int  # of the last change that is in it
    built_at: float  # time of the loop
    round: int  # of Everyone's: those that waited for it share it


class Changes:
    """The last change of each user, by a number that grows."""

    def __init__(self) -> None:
        self.last = 0
        self._numbers: dict[LanyardUser, int] = {}
        # Superseded changes stay until they are more than the others: what a member lacks is then
        # found without a walk over all users, however slow the member is.
        self._log: list[tuple[int, LanyardUser]] = []

    def __contains__(self, user: LanyardUser) -> bool:
        return user in self._numbers

    def __len__(self) -> int:
        """How many are held, with the superseded ones."""
        return len(self._log)

    def add(self, user: LanyardUser) -> None:
        """The user has changed."""
        self.last += 1
        self._numbers[user] = self.last
        self._log.append((self.last, user))
        if len(self._log) > 2 * len(self._numbers) + SPARE_CHANGES:
            self._log = [one for one in self._log if self.is_current(*one)]

    def remove(self, user: LanyardUser) -> None:
        self._numbers.pop(user, None)

    def clear(self) -> None:
        """Forget the users; numbers go on."""
        self._numbers.clear()
        self._log.clear()

    def is_current(self, number: int, user: LanyardUser) -> bool:
        """Whether the user has not changed since, and is still there."""
        return self._numbers.get(user) == number

    def after(self, number: int) -> list[tuple[int, LanyardUser]]:
        """The changes that follow, in order; no more of them than a slice."""
        start = bisect_right(self._log, number, key=itemgetter(0))
        return self._log[start : start + SLICE_FRAMES]


class Everyone:
    """All monitored users, while there is a member and `run` runs."""

    def __init__(self, source: EveryoneSource, list_users: ListUsers) -> None:
        self._source = source
        self._list_users = list_users
        self._users: dict[int, LanyardUser] = {}
        self._changes = Changes()
        self._members: dict[Member, None] = {}
        self._init_states: dict[Encoding, _InitState] = {}
        self._rounds = 0  # of sending
        self._departed: dict[LanyardUser, int] = {}  # the change that tells members
        self._departures = 0
        self._wake = asyncio.Event()
        self._scanned = False
        self._dropped = 0  # the frames of changes up to this one are dropped

    def find(self, user_id: int) -> LanyardUser | None:
        return self._users.get(user_id)

    def join(self, member: Member) -> None:
        """Send INIT_STATE once all users are known, then what changes."""
        self._members[member] = None
        self._wake.set()

    def leave(self, member: Member) -> None:
        self._members.pop(member, None)

    def joined(self, user_id: int) -> None:
        """Somebody may have become monitored."""
        if self._members and user_id not in self._users:
            self._add(user_id)

    def rescan(self) -> None:
        """The connection to Redis was lost, and joins with it."""
        self._scanned = False
        self._wake.set()

    def send_pending(self, member: Member) -> None:
        """The client reads again."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._members:
                if not self._scanned:
                    await self._scan()
                await self._send()
                timeout = None if self._source.reports_joins else SCAN_INTERVAL_S
                try:
                    async with asyncio.timeout(timeout):
                        await self._wake.wait()
                except TimeoutError:
                    self._scanned = False
                self._wake.clear()
            await self._forget()

    def updated(self, user: LanyardUser, *, changed: bool) -> None:
        """One of `find` is known, again or with another presence."""
        self._wake.set()
        if user.presence:
            self._departed.pop(user, None)
            if changed or user not in self._changes:
                self._changes.add(user)
        elif changed and user in self._changes:
            self._changes.add(user)
            self._departed[user] = self._changes.last
            self._departures += 1
            self._init_states.clear()
        elif user not in self._departed:
            self._remove(user)

    def _add(self, user_id: int) -> None:
        user = self._source.follow(user_id, self)
        user.everyones = True
        self._users[user_id] = user
        if user.answered and user.presence:  # else what Redis holds now is still to come
            self.updated(user, changed=False)

    def _remove(self, user: LanyardUser) -> None:
        self._departed.pop(user, None)
        self._changes.remove(user)
        self._users.pop(user.user_id, None)
        user.everyones = False
        self._source.unfollow(user)

    def _remove_departed(self) -> None:
        """Those of whom every member has been told."""
        for user, number in list(self._departed.items()):
            if all(member.sent is not None and member.sent >= number for member in self._members):
                self._remove(user)

    async def _scan(self) -> None:
        """Follow all monitored users, and wait until they are known."""
        self._scanned = True
        try:
            async for batch in self._list_users():
                for user_id in batch:
                    if user_id not in self._users:
                        self._add(user_id)
        except StoreUnavailable:
            self._scanned = False
            await asyncio.sleep(RETRY_S)
            self._wake.set()
            return
        while self._members and not all(user.answered for user in self._users.values()):
            self._wake.clear()
            await self._wake.wait()

    async def _send(self) -> None:
        """Send every member what it lacks, until none lacks anything or can take more."""
        newest = self._changes.last
        served = 0
        self._rounds += 1
        for member in list(self._members):
            if member.sent is None and self._scanned:
                await self._send_init_state(member)
            while member.sent is not None and member.sent < newest and self._can_take(member):
                changes = self._changes.after(member.sent)
                self._send_changes(member, changes)
                served += max(1, len(changes))
                if served >= SLICE_FRAMES:
                    served = 0
                    await asyncio.sleep(0)
                if not changes:
                    break
        await self._drop_frames(newest)
        self._remove_departed()

    def _can_take(self, member: Member) -> bool:
        return member in self._members and not member.peer.paused

    def _send_changes(self, member: Member, changes: list[tuple[int, LanyardUser]]) -> None:
        for number, user in changes:
            if member.peer.paused:
                return
            member.sent = number
            if user.user_id not in member.excluded and self._changes.is_current(number, user):
                member.peer.write(user.frame(member.encoding))
                # A member that was too slow before has the frame built anew.
                self._dropped = min(self._dropped, number - 1)

    async def _drop_frames(self, newest: int) -> None:
        """Every member was sent the changes up to `newest`, or has to wait."""
        while self._dropped < newest:
            changes = self._changes.after(self._dropped)
            for _, user in changes:
                user.drop_frames()
            self._dropped = changes[-1][0] if changes else newest
            await asyncio.sleep(0)

    async def _send_init_state(self, member: Member) -> None:
        if member.peer.paused:
            return
        now, state = asyncio.get_running_loop().time(), self._init_states.get(member.encoding)
        if state is None or not (
            state.round == self._rounds or now - state.built_at <= INIT_STATE_AGE_S
        ):
            number = self._changes.last
            users = [
                (str(one), user.presence) for one, user in self._users.items() if user.presence
            ]
            departures = self._departures
            frame = await asyncio.to_thread(_init_state_frame, users, member.encoding)
            state = _InitState(frame, number, now, self._rounds)
            if self._departures == departures:
                self._init_states[member.encoding] = state
        if member in self._members and not member.peer.paused:
            member.peer.write(state.frame)
            member.sent = state.number

    async def _forget(self) -> None:
        """The last member has left."""
        self._init_states.clear()
        self._scanned = False
        for count, user in enumerate(list(self._users.values()), 1):
            if self._members:
                return
            self._remove(user)
            if count % SLICE_FRAMES == 0:
                await asyncio.sleep(0)
        self._changes.clear()


def _init_state_frame(users: list[tuple[str, bytes]], encoding: Encoding) -> bytes:
    return encoding.frame(protocol.init_state(protocol.user_map(users)))
