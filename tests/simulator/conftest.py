"""A simulator in which nothing happens by itself."""

from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator
from tests.simulator.client import quiet


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Twenty people in two guilds."""
    async with Simulator(quiet()) as simulator:
        yield simulator
