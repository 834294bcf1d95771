"""`python -m services import-lanyard redis://…` takes over the pairs and the keys of a Lanyard.

It changes nothing there, and may be repeated: Lanyard's pairs are written over Grux's of the same
name, and a key is taken over unless the user has one here. Exit status 1: a Redis cannot be
reached; 2: the arguments or the settings cannot be used.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from msgspec import Struct

from services.run import durable_server
from shared import config
from shared.config import ConfigError, Settings
from shared.masking import masked_url
from shared.model import key_value
from shared.model.key_value import KvLimits, KvRejected
from shared.redis import lanyard_data
from shared.redis import url as redis_url
from shared.redis.api_keys import ApiKeys
from shared.redis.durable import DUE_AT_ONCE, DurableKv
from shared.redis.store import Store, StoreUnavailable

USAGE = """\
Usage: python -m services import-lanyard redis://[[user]:password@]host[:6379][/database]
Other users of this machine see the arguments of a process. So write an address with a password into
the variable LANYARD_REDIS_URL instead, and leave the argument out."""
VARIABLE = "LANYARD_REDIS_URL"
TIMEOUT_S = 10.0


class Imported(Struct):
    """What was taken over, and what was not."""

    users: int = 0
    pairs: int = 0
    keys: int = 0
    skipped_pairs: int = 0  # that the API would not accept either
    kept_keys: int = 0  # of users who have a key here

    def __str__(self) -> str:
        lines = [f"Taken over: {self.pairs} pairs of {self.users} users, {self.keys} keys."]
        if self.skipped_pairs:
            lines.append(f"Skipped: {self.skipped_pairs} pairs that are not valid, or too many.")
        if self.kept_keys:
            lines.append(f"Not taken over: the keys of {self.kept_keys} users who have one here.")
        return "\n".join(lines)


async def import_all(source: Store, durable: Store, limits: KvLimits) -> Imported:
    """Raises StoreUnavailable."""
    imported, kv, keys = Imported(), DurableKv(durable), ApiKeys(durable)
    async for found in lanyard_data.stores(source):
        written = await _write(kv, found.user_id, found.pairs, limits)
        imported.users += 1
        imported.pairs += written
        imported.skipped_pairs += len(found.pairs) - written
    async for one in lanyard_data.api_keys(source):
        if await keys.adopt(one.user_id, one.key):
            imported.keys += 1
        else:
            imported.kept_keys += 1
    return imported


async def _write(
    kv: DurableKv, user_id: int, pairs: Mapping[bytes, bytes], limits: KvLimits
) -> int:
    """How many of the pairs were written: those that the API would accept."""
    while True:
        known = await kv.load(user_id)
        changed: Mapping[str, str] = key_value.decode(known.kv)
        written = 0
        for raw_key, raw_value in sorted(pairs.items()):
            try:
                changed = key_value.patch(changed, {raw_key.decode(): raw_value.decode()}, limits)
                written += 1
            except (UnicodeDecodeError, KvRejected):
                continue
        if await kv.replace(user_id, known, key_value.encode(changed)):
            await kv.note([user_id], DUE_AT_ONCE)
            return written


async def _run(source_url: str, durable_url: str, limits: KvLimits) -> Imported:
    async with (
        Store.connect(source_url, timeout=TIMEOUT_S) as source,
        Store.connect(durable_url, timeout=TIMEOUT_S) as durable,
    ):
        return await import_all(source, durable, limits)


def main() -> int:
    """Returns the exit status."""
    arguments = sys.argv[1:] or [os.environ.get(VARIABLE, "")]
    if len(arguments) != 1 or not arguments[0].strip() or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        # Checked like REDIS_URL, so that a message names the mistake and shows no password.
        source = config.from_env(Settings, {"REDIS_URL": arguments[0]}).redis_url
    except ConfigError as error:
        problem = str(error).replace("REDIS_URL", "The address of Lanyard's Redis")
        print(f"{problem}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        env = config.environment()
        if redis_url.parse(source).kind == "cluster":
            raise ConfigError("Lanyard's Redis cannot be a cluster. Name one server.")
        limits = KvLimits(config.from_env(config.ApiSettings, env).kv_max_bytes)
        durable = durable_server.url_for_commands(env)
    except ConfigError as error:
        print(f"{error}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        print(asyncio.run(_run(source, durable, limits)))
    except StoreUnavailable as error:
        print(
            f"Stopped, as a Redis cannot be used ({type(error.__cause__ or error).__name__}): "
            f"Lanyard's at {masked_url(source)}, Grux's at {masked_url(durable)}. What was taken "
            "over stays; run the same command again.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
