"""`python -m services erase USER_ID` erases what one user has written, chosen and granted.

With `--stay-hidden` the user is not shown afterwards. Exit status 1: a Redis cannot be reached;
2: the arguments or the settings cannot be used.
"""

from __future__ import annotations

import sys
from typing import Final

from services.run import both_redis
from shared.redis.store import Store
from shared.redis.user_data import erase_user, export_user, is_empty

STAY_HIDDEN: Final = "--stay-hidden"
USAGE: Final = f"Usage: python -m services erase USER_ID [{STAY_HIDDEN}]"

NOTHING_HELD: Final = "Nothing is held of user {user_id}."
ERASED: Final = "Erased what user {user_id} has written, chosen and granted."
REVOKED: Final = (
    "The api ends their grant at Discord as soon as it can. Until then their tokens are kept, "
    "encrypted."
)
SHOWN_AGAIN: Final = (
    "While they are in a monitored server, their presence is shown with the default settings, "
    f"unless CONSENT is asking. With {STAY_HIDDEN}, one setting is kept, and they are not shown."
)
HIDDEN: Final = "One setting is kept: they are not shown."
BACKUPS: Final = (
    "Older backups still contain what was erased: delete them, or erase again after a restore."
)
INCOMPLETE: Final = "Not everything may be erased: run the command again."


def main() -> int:
    """Returns the exit status."""
    arguments = [one for one in sys.argv[1:] if one != STAY_HIDDEN]
    stay_hidden = len(arguments) < len(sys.argv) - 1
    if len(arguments) != 1:
        print(USAGE, file=sys.stderr)
        return 2
    user_id = both_redis.user_of(arguments[0], USAGE)
    if user_id is None:
        return 2

    async def erase(store: Store, durable: Store) -> int:
        held = await export_user(store, durable, user_id)
        await erase_user(store, durable, user_id, stay_hidden=stay_hidden)
        if is_empty(held):
            lines = [NOTHING_HELD, *([HIDDEN] if stay_hidden else [])]
        else:
            lines = [ERASED, HIDDEN if stay_hidden else SHOWN_AGAIN, BACKUPS]
            if held["sign_in"]:
                lines.insert(1, REVOKED)
        print("\n".join(lines).format(user_id=user_id))
        return 0

    return both_redis.run(erase, outcome=INCOMPLETE)


if __name__ == "__main__":
    sys.exit(main())
