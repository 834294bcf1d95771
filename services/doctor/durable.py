"""Checks of the Redis that keeps what users write: whether it persists, and evicts nothing."""

from __future__ import annotations

from services.doctor.redis_server import REDIS_TIMEOUT_S
from services.doctor.report import Finding, failure, ok, warning
from shared.config import Settings
from shared.redis.durable import volatile_problems
from shared.redis.store import Store, StoreUnavailable


async def check(settings: Settings, *, chosen: bool) -> list[Finding]:
    """`chosen`: whether REDIS_URL is set. If no URL is, `make run` keeps the data in .run/."""
    if not settings.durable_redis_url and not chosen:
        return [ok("`make run` keeps what users write in .run/, which `make clean` deletes")]
    url = settings.durable_redis_url or settings.redis_url
    async with Store.connect(url, timeout=REDIS_TIMEOUT_S) as durable:
        try:
            servers = await durable.info()
        except StoreUnavailable as error:
            if not settings.durable_redis_url:
                return []  # it is the one of REDIS_URL, which is reported already
            reason = type(error.__cause__ or error).__name__
            return [
                failure(
                    f"the Redis at DURABLE_REDIS_URL does not work ({reason}): nobody can write",
                    "Check that it is running, and that address, user and password are right.",
                )
            ]
    problems = {problem for info in servers for problem in volatile_problems(info)}
    if not problems:
        return [ok("the durable Redis persists what users write, and evicts nothing")]
    return [warning(problem.message, problem.remedy) for problem in problems]
