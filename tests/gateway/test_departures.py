"""Data of people who have left: kept for 30 days, then erased, by several gateways together."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.gateway.departures import Departures, DepartureTimings
from services.gateway.state.user_cache import UserCache
from shared.model.user_settings import DEFAULTS, patched
from shared.redis import gateway_liveness, keys
from shared.redis.departures import DepartureStore
from shared.redis.grants import GrantStore, StoredGrant
from shared.redis.store import Store, StoreUnavailable
from shared.redis.user_settings import UserSettingsStore
from shared.startup.background import background
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.free_port import free_port
from testing.redis_server import RedisServer

USER, OTHER, GUILD = 1274150219482660897, 171234567890123776, 1112920281367973900
START_MS = 1_796_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
async def durable() -> AsyncIterator[Store]:
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """The presence Redis of two shards that are connected to Discord."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await gateway_liveness.heartbeat(store, 2, [0, 1])
        yield store


class Gateway:
    """One process, which knows the users that the test adds."""

    def __init__(self, store: Store, durable: Store) -> None:
        self.users = UserCache()
        self.count = 2  # shards of the bot
        self.is_running = self.is_connected = True  # this process's only one
        self.departures = Departures(store, durable, self.users, [self])

    def joined(self, user_id: int) -> None:
        cached = self.users.add(user_id, {"username": "robin"})
        assert cached is not None
        cached.join(GUILD)

    async def sweeps(self, start_ms: int, count: int = 2) -> int:
        """One an hour from then on. How many users were erased."""
        hours = range(start_ms, start_ms + count * HOUR_MS, HOUR_MS)
        return sum([await self.departures.sweep(now_ms) for now_ms in hours])


class FailingDepartures(Departures):
    """Counts how often a Redis was away."""

    failures = 0

    async def sweep(self, now_ms: int) -> int:
        try:
            return await super().sweep(now_ms)
        except StoreUnavailable:
            self.failures += 1
            raise


@pytest.fixture
def gateway(store: Store, durable: Store) -> Gateway:
    return Gateway(store, durable)


async def choose(durable: Store, user_id: int) -> None:
    await UserSettingsStore(durable).change(user_id, lambda old: patched(old, {"bio": "Hello"}))


async def is_kept(durable: Store, user_id: int) -> bool:
    return await UserSettingsStore(durable).get(user_id) != DEFAULTS


async def test_data_is_kept_for_thirty_days_after_leaving(gateway: Gateway, durable: Store) -> None:
    """Then it is erased, and nothing is left of the note."""
    await choose(durable, USER)
    await choose(durable, OTHER)
    gateway.joined(OTHER)
    gateway.joined(USER)
    assert await gateway.sweeps(START_MS) == 0
    assert await DepartureStore(durable).since(USER) is None
    gateway.users.remove(USER)
    left_ms = START_MS + 2 * HOUR_MS
    assert await gateway.sweeps(left_ms) == 0
    assert await DepartureStore(durable).since(USER) == left_ms
    assert await gateway.sweeps(left_ms + 30 * DAY_MS) == 0
    assert await is_kept(durable, USER)
    assert await gateway.sweeps(left_ms + 30 * DAY_MS + 2 * HOUR_MS) == 1
    assert not await is_kept(durable, USER)
    assert await is_kept(durable, OTHER)
    assert not await durable.redis.exists(keys.DEPARTURES, keys.DEPARTURES_LOCK)


async def test_rejoining_starts_over(gateway: Gateway, durable: Store) -> None:
    """Someone who was away for 29 days has 30 more days when they leave again."""
    await choose(durable, USER)
    await gateway.sweeps(START_MS)
    gateway.joined(USER)
    await gateway.sweeps(START_MS + 29 * DAY_MS)
    assert await DepartureStore(durable).since(USER) is None
    gateway.users.remove(USER)
    again_ms = START_MS + 30 * DAY_MS
    assert await gateway.sweeps(again_ms) == 0
    assert await gateway.sweeps(again_ms + 20 * DAY_MS) == 0
    assert await gateway.sweeps(again_ms + 31 * DAY_MS) == 1


async def test_who_signed_in_and_never_joined(gateway: Gateway, durable: Store) -> None:
    """They have left no server, and are erased all the same."""
    await GrantStore(durable).store(USER, StoredGrant(b"cipher", ("identify",), 1, 2), 3)
    assert await gateway.sweeps(START_MS) == 0
    assert await gateway.sweeps(START_MS + 31 * DAY_MS) == 1
    assert await GrantStore(durable).get(USER) is None
    assert await GrantStore(durable).revocations_due(2**53, 10) == [USER]


async def test_one_process_that_knows_the_person_is_enough(
    store: Store, durable: Store, gateway: Gateway
) -> None:
    """The processes of the other shards do not know them, and erase nothing."""
    other = Gateway(store, durable)
    await choose(durable, USER)
    other.joined(USER)
    for day in range(40):
        now_ms = START_MS + day * DAY_MS
        for hour in range(2):
            assert await gateway.departures.sweep(now_ms + hour * HOUR_MS) == 0
            assert await other.departures.sweep(now_ms + hour * HOUR_MS + 1) == 0
    assert await is_kept(durable, USER)


async def test_restarts_change_nothing(store: Store, durable: Store, gateway: Gateway) -> None:
    """The notes are in Redis; a new process goes on with them."""
    await choose(durable, USER)
    await gateway.sweeps(START_MS)
    restarted = Gateway(store, durable)
    assert await restarted.sweeps(START_MS + 31 * DAY_MS, count=1) == 0  # it is not sure yet
    assert await restarted.sweeps(START_MS + 31 * DAY_MS + HOUR_MS, count=1) == 1


async def test_nothing_is_erased_while_a_shard_is_away(
    store: Store, durable: Store, gateway: Gateway
) -> None:
    """The person may be in a server of that shard."""
    await choose(durable, USER)
    await gateway.sweeps(START_MS)
    await store.redis.zadd(keys.HEARTBEATS, {"1/2": 1})
    assert await gateway.sweeps(START_MS + 40 * DAY_MS, count=3) == 0
    await gateway_liveness.heartbeat(store, 2, [0, 1])
    assert await gateway.sweeps(START_MS + 41 * DAY_MS) == 1


async def test_a_process_without_a_shard_notes_nothing(durable: Store, gateway: Gateway) -> None:
    """A standby knows nobody."""
    await choose(durable, USER)
    gateway.is_running = False
    assert await gateway.sweeps(START_MS) == 0
    assert await DepartureStore(durable).since(USER) is None


async def test_one_process_erases_at_a_time(durable: Store, gateway: Gateway) -> None:
    """While another one has the lock, nothing is done."""
    await choose(durable, USER)
    await gateway.sweeps(START_MS)
    departures = DepartureStore(durable)
    owner = await departures.lock(60_000)
    assert owner is not None
    assert await departures.lock(60_000) is None
    assert await gateway.sweeps(START_MS + 31 * DAY_MS) == 0
    await departures.unlock("somebody")
    await departures.unlock(owner)
    assert await gateway.sweeps(START_MS + 31 * DAY_MS) == 1


async def test_many_people_are_found_in_batches(durable: Store) -> None:
    """Each once or more, and nothing that is no person."""
    names = {f"durable:{{{USER + number}}}:settings": b"x" for number in range(1200)}
    await durable.redis.mset(names)
    await durable.redis.set("durable:{x}:settings", b"x")
    await durable.redis.set(f"durable:{{{OTHER}}}:revocation", b"x")
    await durable.redis.set("durable:key:{123}", b"x")
    batches = [batch async for batch in DepartureStore(durable).people()]
    assert {one for batch in batches for one in batch} == set(range(USER, USER + 1200))
    assert max(map(len, batches)) <= 500


async def test_a_shard_of_which_redis_has_no_heartbeat_may_know_them(
    store: Store, durable: Store
) -> None:
    """Redis has lost its data since that shard was connected."""
    await store.redis.delete(keys.HEARTBEATS)
    await gateway_liveness.heartbeat(store, 2, [0])
    await choose(durable, USER)
    gateway = Gateway(store, durable)
    assert await gateway.sweeps(START_MS) == 0
    assert await gateway.sweeps(START_MS + 366 * DAY_MS) == 0
    await gateway_liveness.heartbeat(store, 2, [1])
    assert await gateway.sweeps(START_MS + 367 * DAY_MS) == 1


async def test_a_process_cancels_what_others_noted_soon_after_its_start(
    store: Store, durable: Store
) -> None:
    """It may be restarted more often than it looks."""
    await choose(durable, USER)
    await choose(durable, OTHER)
    await Gateway(store, durable).sweeps(START_MS, 1)
    gateway, noted = Gateway(store, durable), DepartureStore(durable)
    gateway.joined(USER)
    departures = Departures(
        store, durable, gateway.users, [gateway], DepartureTimings(welcome_after_s=0.01)
    )
    async with background(departures.run()):

        async def is_cancelled() -> bool:
            return await noted.since(USER) is None

        await eventually_async(is_cancelled)
    assert await noted.since(OTHER) == START_MS


async def test_the_time_that_is_waited() -> None:
    """30 days, and two looks more."""
    timings = DepartureTimings()
    assert timings.erased_until_ms(START_MS) == START_MS - 30 * DAY_MS - 2 * HOUR_MS


async def test_a_durable_redis_that_is_away_ends_nothing(store: Store) -> None:
    """`run` goes on, and looks again."""
    async with Store.connect(f"redis://127.0.0.1:{free_port()}", timeout=0.2) as away:
        departures = FailingDepartures(
            store, away, UserCache(), [Gateway(store, away)], DepartureTimings(interval_s=0.01)
        )
        async with background(departures.run()):
            await eventually(lambda: departures.failures > 2)
