"""While many users are pending, Redis executes one batch while the next is rendered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from services.gateway.sync.writer import BATCH_USERS, BATCHES_AT_ONCE
from shared.model.user_settings import UserSettings
from shared.redis.store import Save
from testing.eventually import PATIENCE, eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD
from tests.gateway.privacy.hidden_fixture import choose
from tests.gateway.writer_fixture import RecordingStore, WriterFixture

MANY: Final = BATCH_USERS * (BATCHES_AT_ONCE + 1)


class GatheringStore(RecordingStore):
    """Answers when as many batches have come as there should be at once."""

    def __init__(self) -> None:
        super().__init__()
        self.when_gathered: Callable[[], object] = lambda: None
        self._came = 0
        self._gathered = asyncio.Event()

    async def save(self, saves: Sequence[Save], fence: int | None = None) -> list[int]:
        self._came += 1
        if self._came == BATCHES_AT_ONCE:
            self.when_gathered()
            self._gathered.set()
        async with asyncio.timeout(PATIENCE):
            await self._gathered.wait()
        return await super().save(saves, fence)


@asynccontextmanager
async def writing_many(store: RecordingStore) -> AsyncIterator[WriterFixture]:
    """A writer that runs, with many pending users."""
    fixture = WriterFixture(store=store)
    fixture.list_guild(GUILD, *range(1, MANY + 1))
    task = asyncio.create_task(fixture.writer.run())
    yield fixture
    assert await fixture.status(MANY) == "invisible"
    assert await fixture.store.count_users() == MANY
    await ended(task)
    await fixture.store.redis.aclose()


async def test_several_batches_are_on_their_way() -> None:
    """Of different users, and of no more than one batch has."""
    async with writing_many(GatheringStore()) as fixture:
        await fixture.writer.drained()
        written = [save.user_id for batch in fixture.store.batches for save in batch]
        assert sorted(written) == list(range(1, MANY + 1))
        assert max(len(batch) for batch in fixture.store.batches) == BATCH_USERS


async def test_a_user_who_changes_meanwhile_is_written_again() -> None:
    """The older state is on its way, and the newer one follows it."""
    store = GatheringStore()
    async with writing_many(store) as fixture:
        store.when_gathered = lambda: fixture.show(1, "dnd")
        assert await fixture.status(1) == "dnd"


async def test_all_batches_are_repeated_when_one_fails() -> None:
    """First one alone: Redis may be so slow that several at once would all be late."""
    store = GatheringStore()
    async with writing_many(store) as fixture:
        store.when_gathered = lambda: setattr(store, "away", True)
        await eventually(lambda: fixture.gate.batches_before)
        assert fixture.gate.batches_before[0] == BATCHES_AT_ONCE
        before = len(store.batches)
        store.away = False
        await fixture.writer.drained()
        sizes = [len(batch) for batch in store.batches[before:]]
        assert sizes == [BATCH_USERS] * len(sizes)


async def test_no_further_batch_is_rendered_while_the_gate_is_closed() -> None:
    """A replay has begun since the first one: what is known may be older than what Redis has."""
    store, answered = RecordingStore(), list[bool]()
    async with writing_many(store) as fixture:
        store.during_next = lambda: setattr(fixture.gate, "open", False)
        store.after_next = lambda: answered.append(True)
        await eventually(lambda: answered)
        checks = fixture.gate.checks
        await eventually(lambda: fixture.gate.checks > checks + 2)
        assert len(store.batches) == 1
        assert fixture.writer.pending == MANY - BATCH_USERS
        fixture.gate.open = True


async def test_what_a_user_hides_waits_for_no_further_batch() -> None:
    """It is removed next."""
    store = RecordingStore()
    async with writing_many(store) as fixture:
        hides = UserSettings(hide=("device",))
        store.during_next = lambda: choose(fixture, 1, hides)
        await eventually(lambda: len(store.batches) > 1)
        assert [save.user_id for save in store.batches[1]] == [1]


async def test_a_writer_that_ends_leaves_no_batch_behind() -> None:
    """What it has sent is cancelled."""
    store = GatheringStore()
    fixture = WriterFixture(store=store)
    fixture.list_guild(GUILD, *range(1, MANY + 1))
    before = asyncio.all_tasks()
    task = asyncio.create_task(fixture.writer.run())
    store.when_gathered = task.cancel
    await ended(task)
    await eventually(lambda: asyncio.all_tasks() == before)
    await store.redis.aclose()
