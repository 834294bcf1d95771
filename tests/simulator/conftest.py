"""A simulator in which nothing happens by itself."""

from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator
from tests.simulator.client import Post, control, quiet


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Twenty people in two guilds."""
    async with Simulator(quiet()) as simulator:
        yield simulator


@pytest.fixture
async def post(sim: Simulator) -> AsyncIterator[Post]:
    """Posts a verb with its fields."""
    async with control(sim) as function:
        yield function
