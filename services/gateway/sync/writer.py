"""Write-behind queue of changed users: bounded by users, never by the event rate."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from itertools import islice
from time import time_ns
from typing import Final

import msgspec

from services.gateway import metrics
from services.gateway.normalize import normalize
from services.gateway.normalize.app_icons import Icons
from services.gateway.state.guild_cache import shard_of
from services.gateway.state.user_cache import CachedUser, UserCache
from shared.discord.cdn import Cdn
from shared.redis.store import (
    NO_PROFILE,
    NOT_MONITORED,
    STALE_WRITE,
    Fields,
    Save,
    Store,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

BATCH: Final = 200  # people in one round trip: large enough to be cheap, small enough to yield
BUSY: Final = 3  # people in one batch: more are coming, and together they are cheaper,
GATHER: Final = 0.006  # seconds: a tenth less CPU each at 5,000 events a second
LOOK_EVERY: Final = 0.05  # seconds, while another process may be writing
FIRST_RETRY: Final = 0.1  # seconds; doubles up to
LAST_RETRY: Final = 2.0

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class Writer:
    """Owes Redis people; `run` pays."""

    def __init__(
        self,
        store: Store,
        people: UserCache,
        icons: Icons,
        cdn: Cdn,
        may_write: Callable[[], bool] = lambda: True,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        """`may_write`: whether nobody else writes these people now. `on_loss` is called when Redis
        turns out to be gone, or to have lost something.
        """
        self._store = store
        self._may_write = may_write
        self._on_loss = on_loss
        self._people = people
        self._icons = icons
        self._cdn = cdn
        # In the order in which they came, and when the oldest change of each was told (µs since
        # 1970). The newest would hide an outage: a person who changes all the time would always
        # look fresh, however long nobody has been shown anything.
        self._owed: dict[int, int] = {}
        self._joined: dict[int, set[int]] = {}
        self._left: dict[int, set[int]] = {}
        self._disowned: set[tuple[int, int]] = set()  # shards, since this batch was drawn
        self._batch: list[int] = []
        self._failed: set[int] = set()  # of it
        self._rewrites = 0
        self._awaited: list[tuple[set[int], asyncio.Event]] = []
        self._drawn: dict[int, int] = {}  # what this batch's profiles were drawn from
        self._paid = 0  # how many were taken off what is owed, and are in Redis
        self._under_way = 0
        self._setbacks = 0  # how often something that was taken off was owed again
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        icons.on_found(self.changed)

    @property
    def owed(self) -> int:
        """How many people wait for Redis."""
        return len(self._owed)

    def changed(self, user_id: int) -> None:
        """The person shows something new."""
        if user_id not in self._owed:
            self._owed[user_id] = time_ns() // 1000
        self._settled.clear()
        self._wake.set()

    def joined(self, user_id: int, guild_id: int) -> None:
        """The person is in the guild."""
        _move(user_id, guild_id, self._left, self._joined)
        self.changed(user_id)

    def left(self, user_id: int, guild_id: int) -> None:
        """The person is not in the guild any more."""
        _move(user_id, guild_id, self._joined, self._left)
        self.changed(user_id)

    def disown(self, shard_id: int, shard_count: int) -> None:
        """Who is in the shard's guilds is for another process to say, and who has left them."""
        self._disowned.add((shard_id, shard_count))
        for said in (self._joined, self._left):
            for user_id, guild_ids in list(said.items()):
                for guild_id in guild_ids.copy():
                    if self._is_disowned(guild_id):
                        _take_out(user_id, guild_id, said)

    def rewrite(self) -> None:
        """Redis may have lost everything: owe everyone, with all their guilds."""
        self._rewrites += 1
        for user_id, person in self._people:
            person.written = 0
            for guild_id in person.guilds:
                self.joined(user_id, guild_id)

    def watermark(self) -> tuple[int, int]:
        """What is owed now, for `reached`."""
        return self._setbacks, self._paid + self._under_way + len(self._owed)

    def reached(self, watermark: tuple[int, int]) -> bool | None:
        """Whether all that was owed then is in Redis. None: that will not be known any more."""
        setbacks, position = watermark
        if setbacks != self._setbacks:
            return None
        return self._paid >= position

    async def settled(self) -> None:
        """Returns when Redis holds all that was owed."""
        await self._settled.wait()

    async def caught_up(self) -> None:
        """Returns when Redis holds all that is owed now, whatever more is owed by then."""
        people = {*self._owed, *self._batch}
        if people:
            event = asyncio.Event()
            self._awaited.append((people, event))
            await event.wait()

    async def run(self) -> None:
        """Write until cancelled. Redis being away only makes it wait."""
        retry = FIRST_RETRY
        while True:
            await self._wake.wait()
            order = await self._order()
            self._drawn.clear()
            self._disowned.clear()
            rewrites = self._rewrites
            owed = len(self._owed)
            saves = list(self._next_batch())
            self._under_way = owed - len(self._owed)
            try:
                results = await self._store.save(saves, order)
            except StoreUnavailable as error:
                self._owe_again(saves)
                self._end_batch()
                if retry == FIRST_RETRY:
                    log.warning("%s; %d people wait for it", error, len(self._owed))
                metrics.SAVES_FAILED.inc()
                self._on_loss()
                await asyncio.sleep(retry)
                retry = min(retry * 2, LAST_RETRY)
                continue
            if retry != FIRST_RETRY:
                log.info("Redis is back; %d people are still to be written", len(self._owed))
                retry = FIRST_RETRY
            self._paid += self._under_way
            self._under_way = 0
            self._account(saves, results, known=rewrites == self._rewrites)
            self._end_batch()
            if not self._owed:
                self._wake.clear()
                self._settled.set()
            if len(saves) >= BUSY:
                await asyncio.sleep(GATHER)

    async def _order(self) -> int:
        """Taken before it is seen that nobody else writes: whoever does so later has a greater."""
        while True:
            order = self._store.clock.next()
            if self._may_write():
                return order
            await asyncio.sleep(LOOK_EVERY)

    def _next_batch(self) -> Iterator[Save]:
        self._batch = list(islice(self._owed, BATCH))
        for user_id in self._batch:
            received = self._owed.pop(user_id)
            joined = tuple(self._joined.pop(user_id, ()))
            left = tuple(self._left.pop(user_id, ()))
            person = self._people.get(user_id)
            fields = self._draw(user_id, person) if person else None
            if fields or joined or left:
                yield Save(user_id, fields, joined, left, received)

    def _draw(self, user_id: int, person: CachedUser) -> Fields | None:
        try:
            shown = _decode(person.presence)
            drawn_from = hash((person.user, *shown["client_status"].items()))
            profile = b""
            if drawn_from != person.written:  # else 10 µs and a kilobyte are spared
                profile = _encode(normalize.profile(_decode(person.user), shown, self._cdn))
                self._drawn[user_id] = drawn_from
            for application_id in normalize.applications_without_art(shown, self._cdn):
                self._icons.want(application_id, user_id)
            presence = _encode(normalize.presence(shown, self._cdn, self._icons.known))
        except Exception:  # whatever strangers typed: the last snapshot stands, the process too
            metrics.EVENTS_REJECTED.labels("normalise").inc()
            log.exception("user %s cannot be shown; the last snapshot stands", user_id)
            return None
        return Fields(profile, presence, person.discord())

    def _end_batch(self) -> None:
        """Tell who waits for these people; not of those who were not written after all."""
        done = [user_id for user_id in self._batch if user_id not in self._failed]
        self._batch = []
        self._failed.clear()
        for people, event in self._awaited:
            people.difference_update(done)
            if not people:
                event.set()
        self._awaited = [(people, event) for people, event in self._awaited if people]

    def _owe_again(self, saves: list[Save]) -> None:
        """Owe what was not written, unless something newer has been said meanwhile."""
        self._setbacks += 1
        self._under_way = 0
        for save in saves:
            self._owed[save.user_id] = save.received  # the older one, if there is a newer
            self._failed.add(save.user_id)
            person = self._people.get(save.user_id)
            if person is not None:
                person.written = 0  # it may have been written, and nobody knows
            newer = self._joined.get(save.user_id, set()) | self._left.get(save.user_id, set())
            for guild_ids, owe in ((save.joined, self.joined), (save.left, self.left)):
                for guild_id in guild_ids:
                    if guild_id not in newer and not self._is_disowned(guild_id):
                        owe(save.user_id, guild_id)
            self.changed(save.user_id)

    def _is_disowned(self, guild_id: int) -> bool:
        return any(shard_of(guild_id, count) == shard_id for shard_id, count in self._disowned)

    def _account(self, saves: list[Save], results: list[int], known: bool) -> None:
        """`known`: that Redis has not lost anything since."""
        written = 0
        lost = False
        now = time_ns() // 1000
        for save, result in zip(saves, results, strict=True):
            written += result > 0
            if result == STALE_WRITE:  # another shard's process has just written this person
                self._owe_again([save])
                continue
            if result != NO_PROFILE:
                metrics.WRITE_LAG.observe(max(0, now - save.received) / 1e6)
            person = self._people.get(save.user_id)
            if person is None or save.fields is None:
                continue
            if result == NO_PROFILE:
                self._setbacks += 1
                self._failed.add(save.user_id)
                person.written = 0
                self._owed[save.user_id] = save.received
                self.changed(save.user_id)
            elif result == NOT_MONITORED and not save.left:
                lost = True
            elif save.fields.profile and known:
                person.written = self._drawn[save.user_id]
        metrics.SAVES_WRITTEN.inc(written)
        metrics.SAVES_UNCHANGED.inc(len(saves) - written)
        if lost:
            log.warning("Redis has lost users that are monitored: writing everyone again")
            self._setbacks += 1
            self._on_loss()
            self.rewrite()


def _move(
    user_id: int, guild_id: int, source: dict[int, set[int]], target: dict[int, set[int]]
) -> None:
    _take_out(user_id, guild_id, source)
    target.setdefault(user_id, set()).add(guild_id)


def _take_out(user_id: int, guild_id: int, said: dict[int, set[int]]) -> None:
    with contextlib.suppress(KeyError):
        said[user_id].remove(guild_id)
        if not said[user_id]:
            del said[user_id]
