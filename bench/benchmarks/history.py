"""What histories cost: the same events, for users who all keep one, and for users who keep none.

Two gateways, each with a Redis of its own, take turns.
"""

from __future__ import annotations

import asyncio

import msgspec

from bench import ingestion, people
from bench.figures import Figure, Series
from bench.harness import Harness, Redis
from bench.ingestion import Ingestion
from shared.model.user_settings import UserSettings
from shared.redis.user_settings import UserSettingsStore

ROW = "history"
GOAL = 2.0  # times the gateway's CPU without histories
RECORDED_WITHIN = 4.0  # seconds: two intervals of the recorder
BATCH = 100


async def run(harness: Harness) -> list[Figure]:
    params = harness.params
    users, rate = params.event_users, params.event_rate
    count = max(users, int(rate * params.event_seconds) // users * users)
    series = Series()
    async with harness.redis() as redis, harness.redis() as other:
        await _keep_histories(redis, users)
        async with (
            ingestion.running(harness, redis, users) as kept,
            ingestion.running(harness, other, users) as off,
        ):
            rivals = (("kept", kept), ("off", off))
            for _, running in rivals:
                await _measured(running, users, 0, users)
            for _ in range(params.rounds):
                for name, running in rivals:
                    gateway, store = await _measured(running, count, rate, users)
                    series.add(name, gateway / count)
                    series.add(f"{name} redis", store / count)
    with_it, without = (series[f"{name} redis"] * 1e6 for name in ("kept", "off"))
    return [
        Figure(
            row=ROW,
            name=f"an event, {rate:,}/s of {users:,} users who all keep a history, CPU of gateway",
            unit="µs",
            value=series["kept"] * 1e6,
            floor=series["off"] * 1e6,
            goal=GOAL,
            goal_is="ratio",
            note=f"Redis {with_it:.0f} µs; without histories {without:.0f} µs",
        )
    ]


async def _keep_histories(redis: Redis, users: int) -> None:
    settings = UserSettingsStore(redis.store)
    ids = range(people.FIRST, people.FIRST + users)
    for start in range(0, users, BATCH):
        batch = ids[start : start + BATCH]
        await asyncio.gather(*(settings.change(user_id, _with_history) for user_id in batch))


def _with_history(settings: UserSettings) -> UserSettings:
    return msgspec.structs.replace(settings, history="recent")


async def _measured(running: Ingestion, count: int, rate: int, users: int) -> tuple[float, float]:
    """CPU seconds of gateway and Redis, until the last event is in Redis and recorded."""
    gateway, redis = running.gateway.cpu(), running.redis.cpu()
    sent = await running.events(count, rate, users)
    await running.holds(users, sent["round"])
    await asyncio.sleep(RECORDED_WITHIN)
    return running.gateway.cpu() - gateway, running.redis.cpu() - redis
