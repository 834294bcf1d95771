"""`python -m services backup > FILE` writes what users have written to a file.

Exit status 1: the durable Redis cannot be reached; 2: the settings cannot be used.
"""

from __future__ import annotations

import asyncio
import sys

from services.run import durable_server
from services.run.backup_file import BackupLines
from shared import config
from shared.config import ConfigError
from shared.redis import durable_backup
from shared.redis import url as redis_url
from shared.redis.store import Store, StoreUnavailable

TIMEOUT_S = 10.0


async def write(url: str) -> int:
    """Write the file to standard output. Returns the number of keys. Raises StoreUnavailable."""
    out, lines = sys.stdout.buffer, BackupLines()
    async with Store.connect(url, timeout=TIMEOUT_S) as durable:
        out.write(lines.head())
        async for entry in durable_backup.entries(durable):
            out.write(lines.line(entry))
    out.write(lines.end())
    out.flush()
    return lines.count


def main() -> int:
    """Returns the exit status."""
    if sys.stdout.isatty():
        print("Usage: python -m services backup > FILE", file=sys.stderr)
        return 2
    try:
        url = durable_server.url_for_commands(config.environment())
        count = asyncio.run(write(url))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except StoreUnavailable as error:
        reason = type(error.__cause__ or error).__name__
        print(
            f"The Redis at {redis_url.parse(url)} cannot be read ({reason}): there is no backup.",
            file=sys.stderr,
        )
        return 1
    doubt = "" if count else " If that is a surprise: is it the right Redis?"
    print(f"{count} keys are in the backup.{doubt}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
