"""A Lua script in Redis: sent once, called by its hash, sent again where Redis has forgotten it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError

from shared.redis.clients import Commands

Argument = str | bytes | int


class Script:
    """A file in `lua` beside this one."""

    def __init__(self, redis: Commands, name: str) -> None:
        self._redis = redis
        of_cluster = "true" if isinstance(redis, RedisCluster) else "false"
        text = (Path(__file__).parent / "lua" / name).read_text()
        self._text = f"local of_cluster = {of_cluster}\n{text}"
        self._sha = ""

    async def run(self, keys: int, calls: Sequence[Sequence[Argument]]) -> list[Any]:
        """What each call gives, all in one go. The first `keys` arguments of each are keys."""
        results: list[Any] = []
        for attempt in range(2):
            if not self._sha:
                self._sha = str(await self._redis.script_load(self._text))
            pipe = self._redis.pipeline(transaction=False)
            for arguments in calls:
                pipe.execute_command("EVALSHA", self._sha, keys, *arguments)
            results = await pipe.execute(raise_on_error=False)
            if attempt or not any(isinstance(result, NoScriptError) for result in results):
                break
            self._sha = ""  # Redis was restarted
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results
