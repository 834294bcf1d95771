"""Fixtures for all tests, and what keeps this machine out of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from shared.config import (
    ApiSettings,
    CardsSettings,
    GatewaySettings,
    WebhooksSettings,
    WsSettings,
)
from shared.redis.store import Store
from testing.eventually import PATIENCE
from testing.loop_clock import LoopClock
from testing.redis_server import RedisServer

# Settings of this machine, such as those of a real bot, change no outcome. Children of the tests
# get an environment of their own (testing/process.py).
for _kind in (GatewaySettings, ApiSettings, WsSettings, CardsSettings, WebhooksSettings):
    for _field in msgspec.structs.fields(_kind):
        os.environ.pop(_field.name.upper(), None)
for _scheme in ("http", "https", "ws", "wss", "socks", "all"):  # clients here talk to 127.0.0.1
    os.environ.pop(f"{_scheme}_proxy", None)
    os.environ.pop(f"{_scheme}_proxy".upper(), None)

# The same examples in every run, as many as fit into it. `make fuzz` looks for new ones. Fixtures
# stand over all examples of a test: a server has to survive every one of them.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "fuzz", settings.get_profile("suite"), derandomize=False, max_examples=3000
)
settings.load_profile("suite")


LONGEST = (
    *(
        "tests/bench/",
        "tests/chaos/test_seeds.py",
        "tests/e2e/",
        "tests/doctor/test_ports_and_urls.py",
    ),
    *("tests/run/test_make_run.py", "tests/api/test_openapi_fuzz.py"),
)
"""Where the tests are that wait for processes, for seconds."""


@pytest.hookimpl(trylast=True)  # of those that are left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each worker begin with its share of the longest tests, so that none runs alone at last.

    `--dist worksteal` gives each worker a slice of the list, and idle ones the end of another's.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    by_file: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.nodeid.startswith(LONGEST):
            by_file.setdefault(item.path, []).append(item)
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, of_file in enumerate(by_file.values()):
        shares[number % workers] += of_file
    others = iter([item for item in items if not item.nodeid.startswith(LONGEST)])
    left = len(items)
    items.clear()
    for number, share in enumerate(shares):
        size = left // (workers - number)  # as worksteal cuts the slices
        items += [*share, *islice(others, max(0, size - len(share)))]
        left -= size
    items += others


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One real Redis for all tests of a process. Those that kill or pause it start their own.

    Not an async fixture: tests with another kind of loop would each get a new one.
    """
    loop = asyncio.new_event_loop()
    server = RedisServer()
    loop.run_until_complete(server.__aenter__())
    yield server
    loop.run_until_complete(server.__aexit__())
    loop.close()


@pytest.fixture
async def redis_url(shared_redis: RedisServer) -> str:
    """The URL of a real, empty Redis."""
    await shared_redis.flush()
    return shared_redis.url


@pytest.fixture
async def durable_redis() -> AsyncIterator[RedisServer]:
    """A second Redis: what users write, apart from their presences."""
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def durable(durable_redis: RedisServer) -> AsyncIterator[Store]:
    """The durable Redis. Where it is the only one, tests have their own fixture of this name."""
    async with Store.connect(durable_redis.url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
async def clock() -> AsyncIterator[LoopClock]:
    """Simulated time on the loop of this test, and of its own async fixtures after this one."""
    with LoopClock.installed() as clock:
        yield clock
