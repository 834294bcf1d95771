"""`python -m services export USER_ID > FILE` writes all that is held of one user, as JSON.

Exit status 1: a Redis cannot be reached; 2: the arguments or the settings cannot be used; 3:
nothing is held of this user.
"""

from __future__ import annotations

import sys
from typing import Final

import msgspec

from services.run import both_redis
from shared.redis.store import Store
from shared.redis.user_data import export_user, is_empty

USAGE: Final = "Usage: python -m services export USER_ID > FILE"
NOTHING_HELD: Final = "Nothing is held of user {user_id}."


def main() -> int:
    """Returns the exit status."""
    if len(sys.argv) != 2:
        print(USAGE, file=sys.stderr)
        return 2
    user_id = both_redis.user_of(sys.argv[1], USAGE)
    if user_id is None:
        return 2

    async def export(store: Store, durable: Store) -> int:
        found = await export_user(store, durable, user_id)
        if is_empty(found):
            print(NOTHING_HELD.format(user_id=user_id), file=sys.stderr)
            return 3
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0

    return both_redis.run(export, outcome="Nothing was exported.")


if __name__ == "__main__":
    sys.exit(main())
