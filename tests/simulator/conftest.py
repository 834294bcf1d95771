"""A simulator in which nothing happens by itself."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from simulator.server import Simulator
from tests.simulator.browser import Browser
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


@pytest.fixture
async def browser(sim: Simulator) -> AsyncIterator[Browser]:
    """A browser in which nobody is logged in yet."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(sim, http)
