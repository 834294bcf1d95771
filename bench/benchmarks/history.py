"""What a change costs of a person who keeps a history, beside one of a person who keeps none.

Two gateways, each with a Redis and a Discord of its own, take turns; in one of them all people keep
everything. A change counts once it is in the history too. Twice: each change is a write of its own,
and people change more often than they are written.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from msgspec import Struct
from msgspec.structs import replace

from bench import ingestion, people
from bench.child import ProcessFailed
from bench.figures import Figure, Series
from bench.harness import Harness
from bench.ingestion import Ingestion
from shared.model.user_settings import UserSettings
from shared.redis.history import HistoryStore
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore

ROW = "history"
INTERVAL_S = 2  # services.gateway.history.recorder.RecorderTimings.interval_s
OFTEN = 10  # changes of a person a second
GOAL = 2.5  # times a change that is not recorded
LOOK_EVERY = 0.1  # seconds
WITHIN = 30.0
BATCH = 500


class Used(Struct, frozen=True):
    """Seconds of CPU."""

    gateway: float
    redis: float


async def run(harness: Harness) -> list[Figure]:
    params = harness.params
    users = params.event_users
    few = max(1, users // 10)
    ways = {"seldom": (users, users // INTERVAL_S), "often": (few, few * OFTEN)}
    series = Series()
    async with AsyncExitStack() as stack:
        rivals: dict[str, Ingestion] = {}
        for name in ("kept", "none"):
            redis = await stack.enter_async_context(harness.redis())
            if name == "kept":
                await _keep(redis.store, users)
            running = ingestion.running(harness, redis, users)
            rivals[name] = await stack.enter_async_context(running)
        for name, one in rivals.items():
            await _measured(one, users, 0, users, is_kept=name == "kept")  # warm
        for _ in harness.rounds(series, *(f"{way} {name}" for way in ways for name in rivals)):
            for way, (count, rate) in ways.items():
                changes = count * max(1, int(params.event_seconds * rate / count))
                for name, one in rivals.items():
                    used = await _measured(one, changes, rate, count, is_kept=name == "kept")
                    series.add(f"{way} {name}", used.gateway / changes)
                    series.add(f"{way} {name} redis", used.redis / changes)
    return [
        _figure(
            series,
            "seldom",
            "gateway",
            f"a change, each of {users:,} people once in {INTERVAL_S} s",
        ),
        _figure(series, "seldom", "Redis", f"once in {INTERVAL_S} s", " redis"),
        _figure(
            series, "often", "gateway", f"a change, each of {few:,} people {OFTEN} times a second"
        ),
        _figure(series, "often", "Redis", f"{OFTEN} times a second", " redis"),
    ]


def _figure(series: Series, way: str, of: str, what: str, suffix: str = "") -> Figure:
    return Figure(
        row=ROW,
        name=f"history: {what}, CPU of {of}",
        unit="µs",
        value=series[f"{way} kept{suffix}"] * 1e6,
        floor=series[f"{way} none{suffix}"] * 1e6,
        goal=GOAL,
        goal_is="ratio",
    )


async def _keep(store: Store, users: int) -> None:
    settings = UserSettingsStore(store)

    def keep(old: UserSettings) -> UserSettings:
        return replace(old, history="recent")

    for user_id in range(people.FIRST, people.FIRST + users):
        await settings.change(user_id, keep)


async def _measured(
    running: Ingestion, count: int, rate: int, users: int, *, is_kept: bool
) -> Used:
    """Until the last change is kept."""
    gateway, redis = running.gateway.cpu(), running.redis.cpu()
    sent = await running.events(count, rate, users)
    await running.holds(users, sent["round"])
    if is_kept:
        await _kept(running.redis.store, users, sent["round"])
    return Used(running.gateway.cpu() - gateway, running.redis.cpu() - redis)


async def _kept(store: Store, users: int, round_number: int) -> None:
    """Returns when the history of each of the users has this round. The last ones first: while
    those are missing, reading the others would only cost."""
    history = HistoryStore(store)
    deadline = time.monotonic() + WITHIN
    ids = range(people.FIRST, people.FIRST + users)
    mark = f"round {round_number}"
    for batch in [ids[start : start + BATCH] for start in range(0, users, BATCH)][::-1]:
        wanted = batch[-1:]
        while True:
            found = await history.load_many(wanted)
            if all(any(one.details == mark for one in each.running) for each in found):
                if wanted == batch:
                    break
                wanted = batch
                continue
            if time.monotonic() > deadline:
                raise ProcessFailed("the history does not hold what Discord said last")
            await asyncio.sleep(LOOK_EVERY)
