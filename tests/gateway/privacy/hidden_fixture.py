"""A user who hides, and what Redis holds of her."""

from __future__ import annotations

from typing import Any

from shared.model.snapshot import Snapshot
from shared.model.user_settings import UserSettings
from shared.redis.store import Store
from tests.gateway.writer_fixture import WriterFixture

ANNA, BOB = 161092844126208001, 161092844126208002
HIDDEN = UserSettings(visible=False)


def choose(writing: WriterFixture, user_id: int, settings: UserSettings) -> None:
    writing.people.choose(user_id, settings, writing.writer.apply_settings)


async def names(store: Store) -> set[bytes]:
    """All keys that have the user's id in them, and all sets that they are in."""
    everything: list[Any] = list(await store.redis.keys("*"))
    id_of_anna = str(ANNA).encode()
    found = {one for one in everything if id_of_anna in one and not one.startswith(b"fence")}
    for name in everything:
        is_set = await store.redis.type(name) == b"set"
        if is_set and await store.redis.sismember(name, str(ANNA)):
            found.add(name)
    return found


async def loaded(writing: WriterFixture, user_id: int = ANNA) -> Snapshot:
    await writing.writer.drained()
    found = await writing.store.load(user_id)
    assert found is not None
    return found
