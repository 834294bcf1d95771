"""Lua scripts, each a file in `lua/`: called by hash, and sent again when Redis does not know it.

Redis forgets its scripts when it restarts, on SCRIPT FLUSH and at a failover. A call that finds
its script gone sends the text with the call; a batch loads the script first and is repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from redis.exceptions import NoScriptError

from shared.redis.clients import Commands

Argument = str | bytes | int
Call = tuple[Sequence[str], Sequence[Argument]]
"""The keys and the other arguments."""

_FOLDER: Final = Path(__file__).parent / "lua"


class Script:
    """One script. It holds no connection: make it once, at the top of a module."""

    def __init__(self, name: str, **constants: bool) -> None:
        """`name`: of the file. `constants`: local variables that are set in front of its text."""
        lines = [f"local {key} = {str(value).lower()}\n" for key, value in constants.items()]
        self.text: Final = "".join(lines) + (_FOLDER / name).read_text()
        self.sha: Final = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, redis: Commands, keys: Sequence[str], *arguments: Argument) -> Any:
        """One call; gives what the script returns. Raises RedisError.

        In a Redis Cluster all keys have to lie in one slot; without keys any server runs it.
        """
        try:
            return await redis.evalsha(self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await redis.eval(self.text, len(keys), *keys, *arguments)

    async def run_many(self, redis: Commands, calls: Sequence[Call]) -> list[Any]:
        """What each call gives, in one round trip. Raises RedisError.

        Calls may be made twice, so the script has to be idempotent.
        """
        if len(calls) == 1:  # a pipeline of one takes 25 µs longer
            [(names, arguments)] = calls
            return [await self.run(redis, names, *arguments)]
        results: list[Any] = []
        for attempt in range(2):
            if attempt:
                await redis.script_load(self.text)  # in a cluster: on every master
            pipe = redis.pipeline(transaction=False)
            for names, arguments in calls:
                pipe.execute_command("EVALSHA", self.sha, len(names), *names, *arguments)
            results = await pipe.execute(raise_on_error=False)
            if not any(isinstance(result, NoScriptError) for result in results):
                break
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results
