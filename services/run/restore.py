"""`python -m services restore < FILE` makes what users have written what a backup holds.

What was written since the backup is lost. Nothing is changed unless the file is whole. Exit status
1: the durable Redis cannot be reached; 2: the file or the settings cannot be used.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from services.run import backup_file, durable_server
from services.run.backup_file import NoBackup
from shared import config
from shared.config import ConfigError
from shared.redis import durable_backup
from shared.redis import url as redis_url
from shared.redis.durable_backup import DurableEntry
from shared.redis.store import Store, StoreUnavailable

TIMEOUT_S = 10.0


async def replace(url: str, entries: Sequence[DurableEntry]) -> None:
    """Raises StoreUnavailable."""
    async with Store.connect(url, timeout=TIMEOUT_S) as durable:
        await durable_backup.replace_all(durable, entries)


def main() -> int:
    """Returns the exit status."""
    if sys.stdin.isatty():
        print("Usage: python -m services restore < FILE", file=sys.stderr)
        return 2
    try:
        entries = backup_file.read(sys.stdin.buffer)
        url = durable_server.url_for_commands(config.environment())
        asyncio.run(replace(url, entries))
    except (ConfigError, NoBackup) as error:
        print(f"{error} Nothing was changed.", file=sys.stderr)
        return 2
    except StoreUnavailable as error:
        reason = type(error.__cause__ or error).__name__
        print(
            f"The Redis at {redis_url.parse(url)} cannot be written ({reason}). The backup may be "
            "restored in part: run the same command again.",
            file=sys.stderr,
        )
        return 1
    print(f"{len(entries)} keys were restored. Readers see them within seconds.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
