"""Waits until each part does its work: asked from outside, as its users will."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp

from services.run.demo_settings import SIMULATED_PERSON
from services.run.plan import Plan
from services.run.stack import Stack
from shared.redis import url as redis_url
from shared.redis.store import Store, StoreUnavailable

READY_WITHIN = 60.0  # seconds, for each part
PEOPLE_WITHIN = 15.0  # seconds: a bot that is in no server yet has nobody to show
ASK_EVERY = 0.1  # seconds
ANSWER_WITHIN = aiohttp.ClientTimeout(total=5.0)

NO_REDIS = """\
REDIS_URL is set, but there is no usable Redis at {place} ({error}).
  Start it, correct REDIS_URL, or unset it: then one is started for you."""


class NotReady(Exception):
    """Raised when a part lives but does not do its work; the text names it."""


async def bring_up(plan: Plan, stack: Stack) -> int | None:
    """Start all of it and return when it works: a person to watch, None when there is nobody.

    Raises NotReady.
    """
    if plan.redis is not None:
        await stack.start(plan.redis)
    async with Store.connect(plan.redis_url, timeout=3.0) as store:
        await _redis_answers(plan, store)
        if plan.simulator is not None:
            await stack.start(plan.simulator)
            await _until(lambda: _listens(plan.simulator_url), "simulator does not listen")
        await stack.start(*plan.services)
        async with aiohttp.ClientSession(timeout=ANSWER_WITHIN) as http:
            await _until(lambda: _ok(http, f"{plan.api_url}/ready"), "api is not ready")
            await _until(lambda: _listens(plan.ws_url), "ws does not listen")
            await _until(lambda: _ok(http, f"{plan.cards_url}/ready"), "cards is not ready")
            if plan.simulator is None:
                return await _somebody(store)
            person = f"{plan.api_url}/user/{SIMULATED_PERSON}"
            await _until(
                lambda: _ok(http, person), "gateway has not delivered the simulated people"
            )
            return SIMULATED_PERSON


async def _redis_answers(plan: Plan, store: Store) -> None:
    if plan.redis is not None:
        await _until(lambda: _pings(store), "redis does not answer")
        return
    try:
        await store.ping()
    except StoreUnavailable as error:
        raise NotReady(
            NO_REDIS.format(place=redis_url.parse(plan.redis_url), error=error)
        ) from None


async def _somebody(store: Store) -> int | None:
    """Any monitored user, as soon as one can be read: they are listed a moment before."""
    try:
        async with asyncio.timeout(PEOPLE_WITHIN):
            while True:
                found = await store.any_user()
                if found is not None and await store.load(found) is not None:
                    return found
                await asyncio.sleep(ASK_EVERY)
    except TimeoutError:
        return None


async def _until(works: Callable[[], Awaitable[bool]], complaint: str) -> None:
    try:
        async with asyncio.timeout(READY_WITHIN):
            while not await works():  # noqa: ASYNC110 (other processes set no Event of ours)
                await asyncio.sleep(ASK_EVERY)
    except TimeoutError:
        raise NotReady(f"{complaint} after {READY_WITHIN:.0f} s") from None


async def _pings(store: Store) -> bool:
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


async def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return False
    writer.close()
    return True


async def _ok(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
