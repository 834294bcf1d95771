"""One running Grux for all recipes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from simulator.model import Json
from tests.e2e.stack import ROBIN, Stack, quiet, running

GAME: Json = {"id": "game", "type": 0, "name": "Starfall Arena", "created_at": 1784053200000}
SONG: Json = {
    "id": "song",
    "type": 2,
    "name": "Tidal",
    "application_id": "1130698654987067493",
    "details": "Paper Lanterns",
    "state": "Juniper Vale",
    "created_at": 1784053200000,
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def grux() -> AsyncIterator[Stack]:
    settings = {"API_REQUESTS_PER_MINUTE": "0", "CARDS_REQUESTS_PER_MINUTE": "0"}
    services = ("api", "ws", "gateway", "cards")
    async with running(quiet(members=20), services, env=settings) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def stack(grux: Stack) -> Stack:
    """Robin is online, plays a game and listens to a song."""
    grux.simulator.world.set_presence(ROBIN, "online", [GAME, SONG], {"desktop": "online"})
    await grux.shows(ROBIN, lambda data: bool(data["status"] == "online" and data["listening"]))
    return grux
