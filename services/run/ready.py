"""Starts the processes in order, and waits until each one serves requests from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from services.run import durable_server
from services.run.demo_settings import DEMO_USER_ID
from services.run.plan import Plan
from services.run.process_stack import ProcessStack
from shared.config import ConfigError
from shared.net.http_client import HttpClient, HttpError
from shared.redis import completeness
from shared.redis import url as redis_url
from shared.redis.store import Store, StoreUnavailable
from shared.startup import redis_preflight

READY_TIMEOUT_S: Final = 60.0  # for each process
FIRST_USER_TIMEOUT_S: Final = 15.0  # a bot that is in no server yet has no users to show
POLL_INTERVAL_S: Final = 0.1
REDIS_TIMEOUT_S: Final = 3.0
HTTP_TIMEOUT_S: Final = 5.0
MAX_BODY_BYTES: Final = 1 << 20  # no body is read: the status says enough

NO_REDIS: Final = """\
REDIS_URL is set, but there is no usable Redis at {target} ({reason}).
  Start that Redis, correct REDIS_URL, or unset it: Grux then starts a Redis of its own."""


class NotReady(Exception):
    """Raised when a process runs but does not become ready; the text names it."""


async def start_all(plan: Plan, stack: ProcessStack) -> int | None:
    """Start everything, and return when it is ready: a monitored user's id, or None without one.

    Raises NotReady.
    """
    if plan.redis is not None:
        await stack.start(plan.redis)
    if plan.durable is not None:
        await stack.start(plan.durable)
    async with Store.connect(plan.redis_url, timeout=REDIS_TIMEOUT_S) as store:
        await _redis_ready(plan, store)
        if plan.durable is not None:
            await _durable_ready(plan)
        if plan.simulator is not None:
            await stack.start(plan.simulator)
            await _until(lambda: _listens(plan.simulator_url), "the simulator did not listen")
        await stack.start(*plan.services)
        async with HttpClient(timeout_s=HTTP_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES) as http:
            await _until(lambda: _ok(http, f"{plan.api_url}/ready"), "api did not become ready")
            await _until(lambda: _listens(plan.ws_url), "ws did not listen")
            await _until(lambda: _ok(http, f"{plan.cards_url}/ready"), "cards did not become ready")
            if plan.simulator is None:
                return await first_user(store)
            user_url = f"{plan.api_url}/user/{DEMO_USER_ID}"
            await _until(
                lambda: _ok(http, user_url), "the gateway did not deliver the simulated users"
            )
            return DEMO_USER_ID


async def _durable_ready(plan: Plan) -> None:
    async with Store.connect(plan.durable_url, timeout=REDIS_TIMEOUT_S) as durable:
        await _until(lambda: _pings(durable), "the durable Redis did not respond")
    await asyncio.to_thread(durable_server.note, plan.durable_url, plan.redis_url)


async def _redis_ready(plan: Plan, store: Store) -> None:
    if plan.redis is not None:
        await _until(lambda: _pings(store), "redis did not respond")
        return
    try:
        await store.ping()
    except StoreUnavailable as error:
        try:
            await asyncio.to_thread(
                redis_preflight.check, "REDIS_URL", plan.redis_url, redis_preflight.READER
            )
        except ConfigError as refused:
            raise NotReady(str(refused)) from None
        reason = type(error.__cause__).__name__
        raise NotReady(
            NO_REDIS.format(target=redis_url.parse(plan.redis_url), reason=reason)
        ) from None


async def first_user(store: Store) -> int | None:
    """Any monitored user whose presence can be read: a user is listed a moment before that.

    None when the gateway has written every user and there is none: the bot is in no server.
    """
    try:
        async with asyncio.timeout(FIRST_USER_TIMEOUT_S):
            while True:
                everything = await completeness.is_complete(store)  # asked first
                user_id = await store.any_user()
                if user_id is not None and await store.load(user_id) is not None:
                    return user_id
                if everything and user_id is None:
                    return None
                await asyncio.sleep(POLL_INTERVAL_S)
    except TimeoutError:
        return None


async def _until(condition: Callable[[], Awaitable[bool]], failure: str) -> None:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            while not await condition():  # noqa: ASYNC110 (it is about other processes)
                await asyncio.sleep(POLL_INTERVAL_S)
    except TimeoutError:
        raise NotReady(
            f"Grux could not start: {failure} within {READY_TIMEOUT_S:.0f} s. The log lines above "
            "may show why."
        ) from None


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


async def _ok(http: HttpClient, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except HttpError:
        return False
