"""Which users are monitored, and who has become so."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.store import Save, Store
from shared.redis.subscriber import Subscriber
from shared.redis.user_lookup import monitored
from tests.contract.conftest import Connect
from tests.contract.recorder import GUILD, USER, Recorder, running, state


async def test_monitored_users_are_found(store: Store) -> None:
    """Whether Redis holds all of them, none or some; one whose snapshot is damaged is held."""
    await store.save([Save(user, state(1), joined=(GUILD,)) for user in (USER, 5)])
    await store.redis.set(keys.presence(6), "damaged")
    for asked, found in (
        ([USER, 5], {USER, 5}),
        ([7, 8], set()),
        ([7, USER, 8, 6], {USER, 6}),
        ([USER], {USER}),
    ):
        assert await monitored(store, asked) == found


async def test_joins_are_reported_of_all_users(connect: Connect, store: Store) -> None:
    """Subscribed or not, from the moment that the subscriber is connected."""
    recorder = Recorder()
    subscriber = Subscriber(connect().connection_pool, recorder)
    assert not subscriber.reports_joins
    async with running(subscriber):
        await recorder.reconnected()
        if not subscriber.reports_joins:  # fakeredis has no CLIENT TRACKING
            return
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in (USER, 5)])
        await recorder.until(lambda: {USER, 5} <= set(recorder.joins))
        recorder.joins.clear()
        await store.save([Save(USER, state(2)), Save(7, state(1), joined=(GUILD,))])
        await recorder.until(lambda: recorder.joins)
        assert recorder.joins == [7]  # an update is no join
        await store.redis.sadd("guilds:{x}", 1)
        await store.redis.flushall()
        await store.save([Save(8, state(1), joined=(GUILD,))])
        await recorder.until(lambda: 8 in recorder.joins)
    assert not subscriber.reports_joins
