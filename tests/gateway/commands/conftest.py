"""The commands on a real Redis, without Discord and without a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from services.gateway.commands.commands import CommandStores, UserCommands
from shared.redis.api_keys import ApiKeys
from shared.redis.store import Store
from shared.redis.user_data import erase_user, export_user
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE
from tests.gateway.commands.service_fixture import answering, held, sim, use

__all__ = ["answering", "held", "sim", "use"]

NOW = 1_796_000_000.0


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
def applications() -> dict[str, str]:
    """What the person does now: tests fill it."""
    return {}


@pytest.fixture
def stores(store: Store, applications: dict[str, str]) -> CommandStores:
    return CommandStores(
        settings=UserSettingsStore(store),
        keys=ApiKeys(store),
        export=partial(export_user, store, store),
        erase=partial(erase_user, store, store),
        applications=lambda user_id: applications,
    )


@pytest.fixture
def commands(stores: CommandStores) -> UserCommands:
    return UserCommands(stores, "joining", "https://presence.example", lambda: NOW)
