"""Which session is subscribed to which user.

Everything here is a plain `def`, so nothing interleaves. What can wait (Redis, profile sources) is
done by the loader and the profile refresher, which call back.

Long because the state of a topic is changed in one place, for both dialects: what one of them does
decides when the topics of the other are dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from itertools import islice
from typing import Final

from services.ws.counters import Counters
from services.ws.fan_out import FanOut
from services.ws.lanyard.everyone import Everyone, ListUsers
from services.ws.lanyard.users import LanyardUsers
from services.ws.lanyard.view import LanyardUser
from services.ws.limits import WsLimits
from services.ws.loader import FindMonitored, Loader, Snapshots, UserSubscriber
from services.ws.notices import LEFT, NOT_MONITORED, UNREADABLE
from services.ws.peer import NO_FD
from services.ws.profile_refresher import ExtrasSource, ProfileRefresher
from services.ws.protocol import ErrorNotice
from services.ws.refusal_queue import RefusalQueue
from services.ws.session import PresenceSession
from services.ws.topic import Subscription, Topic
from services.ws.unknown_users import UnknownUsers
from shared.model.lanyard import NO_KV
from shared.model.message import PresenceMessage
from shared.model.snapshot import Snapshot
from shared.redis.store import StoreUnavailable
from shared.redis.subscriber import UpdateHandler

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S: Final = 1.0
ABSENT_BATCH_USERS: Final = 500


FindAbsent = Callable[[Sequence[int]], Awaitable[set[int]]]
"""shared.redis.completeness.absent: raises StoreUnavailable."""


class Hub:
    """Keeps a topic for every user with subscriptions, equal to Redis while `run` runs.

    It handles the updates of the Redis subscriber that it subscribes users on, so it builds that
    subscriber: `connect` gets the hub.
    """

    def __init__(
        self,
        connect: Callable[[UpdateHandler], UserSubscriber],
        store: Snapshots,
        profiles: ExtrasSource,
        find_monitored: FindMonitored,
        find_absent: FindAbsent,
        *,
        list_users: ListUsers | None,
        profile_ttl: float,
        limits: WsLimits,
        counters: Counters,
    ) -> None:
        """`list_users`: None where no client may subscribe to everyone."""
        self._find_absent = find_absent
        self._limits = limits
        self._counters = counters
        self._topics: dict[int, Topic] = {}
        self._idle: dict[Topic, float] = {}  # without subscriptions, since (loop time)
        self._absent: dict[Topic, float] = {}  # shown, but not in Redis, since (loop time)
        self._unknown = UnknownUsers(limits.unknown_for, limits.unknown_users)
        self._snapshots = store
        self._fan_out = FanOut(limits.fan_out_slice, counters)
        self._refusals = RefusalQueue(limits.fan_out_slice)
        self.everyone = None if list_users is None else Everyone(self, list_users)
        self._lanyard = LanyardUsers(self._fan_out, self.everyone)
        self._subscriber = connect(self)
        self._loader = Loader(
            self._subscriber,
            store,
            find_monitored,
            limits,
            on_found=self._on_found,
            on_unknown=self._on_unknown,
            on_loaded=self._on_loaded,
            on_failed=self._on_load_failed,
        )
        self._refresher = ProfileRefresher(
            profiles, limits, ttl=profile_ttl, topics=self._topics, on_answer=self._push
        )

    @property
    def connected(self) -> bool:
        """Whether updates arrive now."""
        return self._subscriber.connected

    @property
    def users(self) -> int:
        """Number of users that are followed."""
        return len(self._topics)

    @property
    def reports_joins(self) -> bool:
        """Whether Redis reports users who become monitored."""
        return self._subscriber.reports_joins

    @property
    def unreadable(self) -> int:
        """Number of messages and snapshots in Redis that Grux cannot have written."""
        return self._subscriber.unreadable + self._loader.damaged

    def unfollowed(self, user_ids: Sequence[int]) -> int:
        """How many of these users are not followed yet: each costs a look-up in Redis."""
        return sum(user_id not in self._topics for user_id in user_ids)

    def subscribe(self, session: PresenceSession, user_ids: Sequence[int]) -> None:
        """Send these users, which the session does not have yet: known ones at once, the others
        when loaded."""
        added = [Subscription(session, self._topic(user_id)) for user_id in user_ids]
        session.subscriptions += added
        for subscription in added:
            topic = subscription.topic
            session.view(topic).subscriptions[subscription] = None
            self._counters.watchers += 1
            self._idle.pop(topic, None)
            if topic.found and not topic.extras_asked:
                self._refresher.refresh(topic)
            if topic.loaded:
                self._refresher.refresh_if_due(topic)
                session.show(subscription)
            elif not topic.found and topic.user_id in self._unknown:
                self._refuse_unknown(topic)
            else:
                self._loader.enqueue(topic, session)

    def unsubscribe(self, session: PresenceSession, user_ids: Collection[int]) -> None:
        """Send nothing more for these users, some of which the session may not have."""
        for subscription in list(session.subscriptions):
            if subscription.topic.user_id in user_ids:
                session.subscriptions.remove(subscription)
                self._unsubscribe(subscription)

    def leave(self, session: PresenceSession) -> None:
        """The session has ended."""
        for subscription in session.subscriptions:
            self._unsubscribe(subscription)
        session.subscriptions = []

    def follow(self, user_id: int, asker: Hashable) -> LanyardUser:
        """The user for Lanyard's dialect, until `unfollow`. One who is not monitored is kept until
        they join."""
        user = self._lanyard.find(user_id)
        if user is None:
            topic = self._topic(user_id)
            user = topic.lanyard = self._lanyard.add(user_id)
            self._idle.pop(topic, None)
            if not topic.found and user_id in self._unknown:
                self._lanyard.set_absent(user)
            else:
                self._loader.reload(topic, asker)
        elif not user.answered:
            self._loader.enqueue(self._topics[user_id], asker)
        return user

    def unfollow(self, user: LanyardUser) -> None:
        """The end of a subscription: the user is kept while there is another one."""
        if user.watched or self._lanyard.find(user.user_id) is not user:
            return
        self._lanyard.remove(user)
        topic = self._topics[user.user_id]
        topic.lanyard = None
        if not topic.found and not topic.subscribed:
            self._drop(topic)
        else:
            self._idle_if_unwatched(topic)

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        topic = self._topics.get(user_id)
        if topic is None:
            return
        if update.removed:
            if topic.is_older_than(update.version):
                self._remove(topic)
            return
        if topic.lanyard is not None:
            topic.lanyard.received = topic.lanyard.received or update.received
            self._loader.reload(topic)
        if update.discord:
            return  # nothing that a client of Grux's own dialect sees
        hidden = topic.hidden
        topic.apply(update)
        self._refresh_if_changed(topic, hidden)
        if not self._subscriber.connected:
            # A connection that is lost before it counts as up reports no disconnect: messages
            # after this one may be missed.
            topic.loaded = False
        if topic.loaded:
            self._absent.pop(topic, None)
        self._push(topic)

    def on_expired(self) -> None:
        """No gateway has been there for too long: every user counts as not monitored."""
        for topic in list(self._topics.values()):
            self._refuse_unknown(topic)

    def on_returned(self) -> None:
        """A gateway is back, and what Redis holds counts again."""
        self._unknown.clear()
        self._look_up_absent()
        if self.everyone is not None:
            self.everyone.rescan()

    def on_disconnect(self) -> None:
        self._invalidate(same_connection=False)

    def on_resync(self) -> None:
        self._invalidate(same_connection=True)
        self.on_reconnect()

    def joined(self, user_id: int) -> None:
        self._unknown.forget(user_id)
        topic = self._topics.get(user_id)
        if topic is not None:
            self._loader.joined(topic)
            if not topic.found and topic.lanyard is not None:
                self._loader.enqueue(topic)
        if self.everyone is not None:
            self.everyone.joined(user_id)

    def _invalidate(self, *, same_connection: bool) -> None:
        self._unknown.clear()
        self._lanyard.invalidate()
        self._loader.on_disconnect()
        for topic in list(self._idle):
            self._drop(topic)
        for topic in self._topics.values():
            topic.invalidate(same_connection=same_connection)

    def on_reconnect(self) -> None:
        reloading = f"; reloading {self.users} users" if self.users else ""
        log.info("ws: following Redis%s", reloading)
        self._loader.on_reconnect()
        for topic in self._topics.values():
            if not topic.loaded:
                self._counters.resyncs.inc()
                self._loader.enqueue(topic)
        if self.everyone is not None:
            self.everyone.rescan()

    def _push(self, topic: Topic) -> None:
        """Send the topic's state to all subscriptions that lack it."""
        events = topic.events
        if events is not None and events.subscriptions:
            events.received = events.received or topic.received
            self._fan_out.push(events)
        self._fan_out.push(topic)

    async def run(self) -> None:
        """Follow Redis, load, refresh and sweep until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._subscriber.run())
            tasks.create_task(self._loader.run())
            tasks.create_task(self._refresher.run())
            tasks.create_task(self._sweep())
            if self.everyone is not None:
                tasks.create_task(self.everyone.run())

    def _topic(self, user_id: int) -> Topic:
        topic = self._topics.get(user_id)
        if topic is None:
            topic = self._topics[user_id] = Topic(user_id)
        return topic

    def _on_found(self, topic: Topic) -> None:
        if topic.subscribed:  # Lanyard's dialect does not show extras
            self._refresher.refresh(topic)

    def _on_unknown(self, topic: Topic) -> None:
        if self._subscriber.reports_joins:
            self._unknown.add(topic.user_id)
        self._refuse_unknown(topic)

    def _refuse_unknown(self, topic: Topic) -> None:
        self._refuse(topic, topic.all_subscriptions, NOT_MONITORED)
        self._drop(topic)

    def _on_loaded(self, topic: Topic, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            hidden = topic.hidden
            topic.load(snapshot)
            self._refresh_if_changed(topic, hidden)
            self._absent.pop(topic, None)
            self._push(topic)
            if topic.lanyard is not None and snapshot.discord is not None:
                self._lanyard.load(topic.lanyard, snapshot.discord, topic.kv or NO_KV)
        elif not topic.loaded:  # else a message has brought the whole state meanwhile
            self._handle_absent(topic)

    def _refresh_if_changed(self, topic: Topic, hidden: frozenset[str]) -> None:
        """The known extras lack what the user has hidden until now."""
        if topic.hidden != hidden and topic.extras_asked:
            self._refresher.refresh(topic)

    def _handle_absent(self, topic: Topic) -> None:
        """Redis does not hold the user.

        If it did before a disconnect, Redis may have come back empty. The gateway then rewrites
        all users, and subscriptions that have shown the user wait for that. New ones are not told
        that the user is not monitored, which may be wrong.
        """
        if not topic.known:
            self._refuse_unknown(topic)
        else:
            self._absent.setdefault(topic, asyncio.get_running_loop().time())
            self._refuse(topic, _without_data(topic), UNREADABLE)

    def _on_load_failed(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            self._refuse(topic, _without_data(topic), UNREADABLE)
            if topic.lanyard is None:
                if not topic.subscribed:
                    self._drop(topic)
            elif not self._loader.is_pending(topic):  # what Redis holds cannot be read
                self._lanyard.set_absent(topic.lanyard)

    def _remove(self, topic: Topic) -> None:
        self._refuse(topic, topic.all_subscriptions, LEFT)
        self._drop(topic)

    def _refuse(
        self, topic: Topic, subscriptions: Sequence[Subscription], notice: ErrorNotice
    ) -> None:
        about = ErrorNotice(notice.close_reason, notice.message, str(topic.user_id))
        for subscription in subscriptions:
            if (
                subscription in subscription.session.view(topic).subscriptions
            ):  # its client may have been closed meanwhile
                self._unsubscribe(subscription)
                self._refusals.add(subscription, about)

    def _unsubscribe(self, subscription: Subscription) -> None:
        topic = subscription.topic
        subscriptions = subscription.session.view(topic).subscriptions
        if subscription in subscriptions:
            del subscriptions[subscription]
            self._counters.watchers -= 1
        subscription.fd = NO_FD
        self._idle_if_unwatched(topic)

    def _idle_if_unwatched(self, topic: Topic) -> None:
        watched = topic.subscribed or topic.lanyard is not None
        if watched or self._topics.get(topic.user_id) is not topic:
            return
        if topic.found:
            self._idle[topic] = asyncio.get_running_loop().time()
        else:  # nothing is known that may be of use again, and no client waits for the look-up
            self._drop(topic)

    def _drop(self, topic: Topic) -> None:
        """Forget the user. Clients of Lanyard's dialect stay subscribed, in case they join."""
        self._topics.pop(topic.user_id, None)
        self._idle.pop(topic, None)
        self._absent.pop(topic, None)
        self._loader.cancel(topic)
        self._refresher.cancel(topic)
        if topic.found:
            self._subscriber.unsubscribe(topic.user_id)
        if topic.lanyard is not None:
            self._topic(topic.user_id).lanyard = topic.lanyard
            self._lanyard.set_absent(topic.lanyard)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        looked_up = loop.time()
        limits = self._limits
        interval = min(SWEEP_INTERVAL_S, limits.linger, limits.grace, limits.look_up_every)
        while True:
            await asyncio.sleep(interval)
            now = loop.time()
            for topic in _older(self._idle, now - limits.linger):
                self._drop(topic)
            for topic in _older(self._absent, now - limits.grace):
                self._remove(topic)
            await self._remove_absent()
            for user_id in self._snapshots.recovered():
                if user_id in self._topics:
                    self._loader.enqueue(self._topics[user_id])
            if not self.reports_joins and now - looked_up >= limits.look_up_every:
                looked_up = now
                self._look_up_absent()

    def _look_up_absent(self) -> None:
        for topic in self._topics.values():
            if topic.lanyard is not None and not topic.found:
                self._loader.enqueue(topic)

    async def _remove_absent(self) -> None:
        """Remove users that a complete Redis does not hold: the gateway will not rewrite them."""
        while self._absent and self._subscriber.connected:
            batch = {topic.user_id: topic for topic in islice(self._absent, ABSENT_BATCH_USERS)}
            try:
                absent = await self._find_absent(list(batch))
            except StoreUnavailable:
                return
            for user_id in absent:
                if batch[user_id] in self._absent:  # else a message has brought them meanwhile
                    self._remove(batch[user_id])
            if not absent:
                return


def _without_data(topic: Topic) -> list[Subscription]:
    """Subscriptions that still wait for `initial_data`."""
    return [subscription for subscription in topic.all_subscriptions if not subscription.presence]


def _older(since: dict[Topic, float], than: float) -> list[Topic]:
    """The topics that were added until then. A dict keeps the order in which they were added."""
    old: list[Topic] = []
    for topic, when in since.items():
        if when > than:
            break
        old.append(topic)
    return old
