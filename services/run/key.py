"""`python -m services key USER_ID` prints a new key for a user's key-value store.

It needs no setting beside `make run`. Exit status 1: the durable Redis cannot be reached; 2: the
arguments or the settings cannot be used.
"""

from __future__ import annotations

import asyncio
import sys

from services.run import durable_server
from shared import config
from shared.config import ConfigError
from shared.discord import snowflake
from shared.redis import url as redis_url
from shared.redis.api_keys import ApiKeys
from shared.redis.store import Store, StoreUnavailable

USAGE = "Usage: python -m services key USER_ID"
SAID = "This is the new key of user {user_id}. It cannot be shown again; an older one has ended."
UNREACHABLE = """\
The Redis at {target} cannot be reached ({reason}), so no key was made.
  Start Grux with `make run` in this folder, or set DURABLE_REDIS_URL or REDIS_URL to its Redis."""


async def create(url: str, user_id: int) -> str:
    """A new key. Raises StoreUnavailable."""
    async with Store.connect(url, timeout=5.0) as durable:
        return await ApiKeys(durable).create(user_id)


def main() -> int:
    """Returns the exit status."""
    if len(sys.argv) != 2 or (user_id := snowflake.parse(sys.argv[1])) is None:
        why = f"{snowflake.problem(sys.argv[1])}\n" if len(sys.argv) == 2 else ""
        print(f"{why}{USAGE}", file=sys.stderr)
        return 2
    try:
        url = durable_server.url_for_commands(config.environment())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        key = asyncio.run(create(url, user_id))
    except StoreUnavailable as error:
        reason = type(error.__cause__ or error).__name__
        target = redis_url.parse(url)
        print(UNREACHABLE.format(target=target, reason=reason), file=sys.stderr)
        return 1
    print(SAID.format(user_id=user_id), file=sys.stderr)
    print(key)
    return 0


if __name__ == "__main__":
    sys.exit(main())
