"""Who watches whom.

All of it is plain `def`: nothing interleaves, and what can wait (Redis, profile sources) is
done by a loader and a completion that call back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from services.ws.counters import Counters
from services.ws.fan_out import FanOut
from services.ws.limits import WsLimits
from services.ws.loader import Loader, Snapshots, UserSubscriber
from services.ws.profile_refresher import FactSource, ProfileRefresher
from services.ws.protocol import UNAVAILABLE, USER_NOT_MONITORED, ErrorNotice
from services.ws.session import NO_FD, Session, Subscription
from services.ws.topic import Topic
from shared.model.message import PresenceMessage
from shared.model.snapshot import Snapshot
from shared.redis.store import StoreUnavailable
from shared.redis.subscriber import UpdateHandler

log = logging.getLogger(__name__)

SWEEP_EVERY = 1.0  # seconds
AT_ONCE = 500  # users asked for

NOT_MONITORED = "No monitored server has this user. Join one, then connect again."
LEFT = "The user has left every monitored server, so their presence is no longer shown."
UNREADABLE = "Presence cannot be read now. Connect again in a few seconds."


Gone = Callable[[Sequence[int]], Awaitable[set[int]]]
"""shared.redis.completeness.gone: raises StoreUnavailable."""


class Hub:
    """Keeps a topic for every watched user, true to Redis while `run` runs.

    It is the feed's listener, so the feed is made by it: `line` gets the hub.
    """

    def __init__(
        self,
        line: Callable[[UpdateHandler], UserSubscriber],
        store: Snapshots,
        facts: FactSource,
        gone: Gone,
        *,
        profile_ttl: float,
        limits: WsLimits,
        counters: Counters,
    ) -> None:
        self._gone = gone
        self._limits = limits
        self._counters = counters
        self._topics: dict[int, Topic] = {}
        self._deserted: dict[Topic, float] = {}  # without a watcher, since (loop time)
        self._missing: dict[Topic, float] = {}  # shown, yet not in Redis, since (loop time)
        self._fan_out = FanOut(limits.fan_out_slice, counters)
        self._line = line(self)
        self._loader = Loader(
            self._line, store, limits, loaded=self._was_loaded, failed=self._redis_is_away
        )
        self._completion = ProfileRefresher(
            facts, limits, ttl=profile_ttl, topics=self._topics, learned=self._fan_out.push
        )

    @property
    def standing(self) -> bool:
        """Whether updates arrive now."""
        return self._line.standing

    @property
    def users(self) -> int:
        """How many users are followed."""
        return len(self._topics)

    @property
    def unreadable(self) -> int:
        """Messages and snapshots in Redis that nobody of ours can have written."""
        return self._line.unreadable + self._loader.damaged

    def watch(self, session: Session, user_ids: Sequence[int]) -> None:
        """Show these users to the session: at once where they are known, else when loaded."""
        session.watches = [Subscription(session, self._topic(user_id)) for user_id in user_ids]
        for watch in list(session.watches):
            topic = watch.topic
            topic.watches[watch] = None
            self._counters.watchers += 1
            self._deserted.pop(topic, None)
            if topic.loaded:
                self._completion.ask_if_old(topic)
                session.show(watch)
            else:
                self._loader.want(topic)

    def leave(self, session: Session) -> None:
        """The session has ended."""
        for watch in session.watches:
            self._close_eye(watch)
        session.watches = []

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        topic = self._topics.get(user_id)
        if topic is None:
            return
        if update.removed:
            if topic.outlived_by(update.version):
                self._remove(topic)
            return
        topic.apply(update)
        if not self._line.standing:
            # A line that is cut before it stands tells nobody: what comes next may be missed.
            topic.loaded = False
        if topic.loaded:
            self._missing.pop(topic, None)
        self._fan_out.push(topic)

    def cut(self) -> None:
        self._doubt(line_stays=False)

    def written_anew(self) -> None:
        self._doubt(line_stays=True)
        self.restored()

    def _doubt(self, *, line_stays: bool) -> None:
        self._loader.cut()
        for topic in list(self._deserted):
            self._drop(topic)
        for topic in self._topics.values():
            topic.doubt(line_stays=line_stays)

    def restored(self) -> None:
        again = f"; {self.users} users are loaded again" if self.users else ""
        log.info("ws: following Redis%s", again)
        self._loader.restored()
        for topic in self._topics.values():
            if not topic.loaded:
                self._counters.resyncs.inc()
                self._loader.want(topic)

    async def run(self) -> None:
        """Follow, load, complete and tidy up until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.run())
            tasks.create_task(self._loader.run())
            tasks.create_task(self._completion.run())
            tasks.create_task(self._sweep())

    def _topic(self, user_id: int) -> Topic:
        topic = self._topics.get(user_id)
        if topic is None:
            topic = self._topics[user_id] = Topic(user_id)
            self._completion.ask(topic)
        return topic

    def _was_loaded(self, topic: Topic, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            topic.load(snapshot)
            self._missing.pop(topic, None)
            self._fan_out.push(topic)
        elif not topic.loaded:  # else a message has brought the user meanwhile
            self._is_missing(topic)

    def _is_missing(self, topic: Topic) -> None:
        """Redis does not hold the user.

        If it did before a cut, it may have come back empty: the gateway writes everyone anew,
        and the watchers wait for that. Newcomers are not told that the user is not monitored.
        """
        if not topic.known:
            self._refuse(topic, list(topic.watches), ErrorNotice(USER_NOT_MONITORED, NOT_MONITORED))
            self._drop(topic)
        else:
            self._missing.setdefault(topic, asyncio.get_running_loop().time())
            self._refuse(topic, _newcomers(topic), ErrorNotice(UNAVAILABLE, UNREADABLE))

    def _redis_is_away(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            self._refuse(topic, _newcomers(topic), ErrorNotice(UNAVAILABLE, UNREADABLE))
            if not topic.watches:
                self._drop(topic)

    def _remove(self, topic: Topic) -> None:
        watches = list(topic.watches)
        self._refuse(topic, watches, ErrorNotice(USER_NOT_MONITORED, LEFT))
        self._drop(topic)

    def _refuse(self, topic: Topic, watches: Sequence[Subscription], problem: ErrorNotice) -> None:
        about = ErrorNotice(problem.ending, problem.message, str(topic.user_id))
        for watch in watches:
            if watch in topic.watches:  # an end may have taken others of the same client along
                self._close_eye(watch)
                watch.session.refuse(watch, about)

    def _close_eye(self, watch: Subscription) -> None:
        topic = watch.topic
        if watch in topic.watches:
            del topic.watches[watch]
            self._counters.watchers -= 1
        watch.fd = NO_FD
        if not topic.watches and self._topics.get(topic.user_id) is topic:
            self._deserted[topic] = asyncio.get_running_loop().time()

    def _drop(self, topic: Topic) -> None:
        self._topics.pop(topic.user_id, None)
        self._deserted.pop(topic, None)
        self._missing.pop(topic, None)
        self._loader.forget(topic)
        self._completion.forget(topic)
        self._line.unsubscribe(topic.user_id)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(SWEEP_EVERY, self._limits.linger, self._limits.grace))
            now = loop.time()
            for topic in _older(self._deserted, now - self._limits.linger):
                self._drop(topic)
            for topic in _older(self._missing, now - self._limits.grace):
                self._remove(topic)
            await self._remove_gone()

    async def _remove_gone(self) -> None:
        """Whom Redis does not hold although it holds everybody: nobody has to be waited for."""
        while self._missing and self._line.standing:
            some = {topic.user_id: topic for topic in islice(self._missing, AT_ONCE)}
            try:
                gone = await self._gone(list(some))
            except StoreUnavailable:
                return
            for user_id in gone:
                if some[user_id] in self._missing:  # else they have come meanwhile
                    self._remove(some[user_id])
            if not gone:
                return


def _newcomers(topic: Topic) -> list[Subscription]:
    return [watch for watch in topic.watches if not watch.presence]


def _older(since: dict[Topic, float], than: float) -> list[Topic]:
    """The topics that have been there longest: a dict keeps the order in which they came."""
    old: list[Topic] = []
    for topic, when in since.items():
        if when > than:
            break
        old.append(topic)
    return old
