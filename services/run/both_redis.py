"""The presence Redis and the durable one, for commands about one user."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from services.run import durable_server
from shared import config
from shared.config import ConfigError
from shared.discord import snowflake
from shared.redis import durable
from shared.redis import url as redis_url
from shared.redis.durable import DurableUnavailable
from shared.redis.store import Store, StoreUnavailable

TIMEOUT_S: Final = 5.0

UNREACHABLE: Final = """\
The Redis at {target} cannot be reached ({reason}). {outcome}
  Start Grux with `make run` in this folder, or set {setting} to its Redis."""

Task = Callable[[Store, Store], Awaitable[int]]
"""With the presence Redis and the durable one. Returns the exit status; raises StoreUnavailable."""


def user_of(argument: str, usage: str) -> int | None:
    """The user whom an operator names; None, and says why, if it is not an id."""
    user_id = snowflake.parse(argument)
    if user_id is None:
        print(f"{snowflake.problem(argument)}\n{usage}", file=sys.stderr)
    return user_id


def run(task: Task, *, outcome: str) -> int:
    """The exit status of `task`. 1: a Redis cannot be reached; 2: the settings cannot be used.

    `outcome`: what the operator should know after a failure.
    """
    try:
        env = config.environment()
        durable_url = durable_server.url_for_commands(env)
        presence_url = durable_server.presence_url_for_commands(env)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return asyncio.run(_with_both(task, presence_url, durable_url))
    except StoreUnavailable as error:
        is_durable = isinstance(error, DurableUnavailable)
        cause = error.__cause__ or error
        said = UNREACHABLE.format(
            target=redis_url.parse(durable_url if is_durable else presence_url),
            reason=type(cause.__cause__ or cause).__name__,
            outcome=outcome,
            setting="DURABLE_REDIS_URL or REDIS_URL" if is_durable else "REDIS_URL",
        )
        print(said, file=sys.stderr)
        return 1


async def _with_both(task: Task, presence_url: str, durable_url: str) -> int:
    other = "" if durable_url == presence_url else durable_url
    async with (
        Store.connect(presence_url, timeout=TIMEOUT_S) as store,
        durable.connect(other, store) as durable_store,
    ):
        return await task(store, durable_store)
