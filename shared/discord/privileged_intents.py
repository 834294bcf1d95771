"""The privileged intents that presences need, as the flags of an application show them.

Discord docs: Gateway, Privileged Intents; Application Flags.
"""

from __future__ import annotations

from typing import Final

PRESENCE_FLAGS: Final = 1 << 12, 1 << 13  # GATEWAY_PRESENCE and its _LIMITED form, of applications
MEMBERS_FLAGS: Final = 1 << 14, 1 << 15  # GATEWAY_GUILD_MEMBERS and its _LIMITED form

REVIEW_USERS: Final = 10_000  # who can see the bot: from then on Discord reviews it, every year
REVIEW_WARNING_USERS: Final = 8_000  # the review takes weeks

_NAMES: Final = {"PRESENCE INTENT": PRESENCE_FLAGS, "SERVER MEMBERS INTENT": MEMBERS_FLAGS}
"""By their names in the developer portal."""


def missing(application_flags: int | None) -> list[str]:
    """The portal's names of the intents that are off; of all of them if the flags are unknown."""
    flags = application_flags or 0
    return [name for name, (full, limited) in _NAMES.items() if not flags & (full | limited)]


def are_reviewed(application_flags: int | None) -> bool:
    """Whether Discord has approved both intents for a bot of any size. Unknown flags: no."""
    flags = application_flags or 0
    return all(flags & full for full, _ in _NAMES.values())
