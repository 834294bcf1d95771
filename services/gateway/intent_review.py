"""Privileged intents: a warning before Discord reviews them, and why it refuses them.

Discord docs: Getting Started With Privileged Intent Review.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from services.gateway import metrics
from shared.discord import privileged_intents
from shared.discord.privileged_intents import REVIEW_USERS, REVIEW_WARNING_USERS
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

REVIEW_DUE: Final = (
    "%d users are monitored. Discord reviews bots that %d users can see, and withdraws the "
    "presence and members intents of those that do not apply. Apply at "
    "https://discord.com/developers/applications (docs/privileged-intents.md has a text for the "
    "form)."
)

_PORTAL: Final = "https://discord.com/developers/applications"
_BAD_INTENTS: Final = (
    f"Discord refuses the intents that presences need (close code 4014). Open {_PORTAL}, your "
    "application, Bot, Privileged Gateway Intents; switch on {missing}; save; start Grux again."
)
_INTENTS_ARE_ON: Final = (
    "Discord refuses the intents that presences need (close code 4014), although they are switched "
    f"on. A bot that {REVIEW_USERS:,} users can see needs Discord's review for them: apply at "
    f"{_PORTAL} (docs/privileged-intents.md has a text for the form). If they were switched on "
    "just now, start Grux again."
)
_INTENTS_WERE_SWITCHED_OFF: Final = (
    "Discord refuses the intents that presences need (close code 4014), although they have worked "
    "before: {missing} is switched off now. Until the gateway runs again, users are shown as they "
    f"were. Open {_PORTAL}, your application, Bot, Privileged Gateway Intents; switch it on; save; "
    "start Grux again. If Discord has withdrawn it, the owner of the application has a mail from "
    "Discord: apply for it (docs/privileged-intents.md has a text for the form)."
)
_INTENTS_WERE_WITHDRAWN: Final = (
    "Discord refuses the intents that presences need (close code 4014), although they have worked "
    "before and are still switched on: it wants to review them. Until the gateway runs again, "
    f"users are shown as they were. Apply at {_PORTAL}, your application "
    "(docs/privileged-intents.md has a text for the form), then start Grux again."
)


def explain_refusal(application_flags: int | None, *, has_worked: bool) -> str:
    """Why Discord has closed the connection with 4014, and what to do.

    `application_flags`: None if they are unknown. `has_worked`: Discord has accepted the intents
    before.
    """
    missing = " and ".join(privileged_intents.missing(application_flags))
    if has_worked:
        is_known = application_flags is not None
        switched_off = _INTENTS_WERE_SWITCHED_OFF.format(missing=missing)
        return switched_off if missing and is_known else _INTENTS_WERE_WITHDRAWN
    return _BAD_INTENTS.format(missing=missing) if missing else _INTENTS_ARE_ON


class ReviewTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    interval_s: float = 60.0
    repeat_s: float = 86_400.0  # of the warning, and of the question whether the review is over


async def watch_intent_review(
    store: Store,
    fetch_flags: Callable[[], Awaitable[int | None]],
    timings: ReviewTimings | None = None,
) -> None:
    """Until cancelled, warn while many users are monitored and the intents are not reviewed.

    `fetch_flags`: those of the application; None: they are unknown. Discord is asked only while
    there are so many users, and once a day.
    """
    timings = timings or ReviewTimings()
    loop = asyncio.get_running_loop()
    ask_again = 0.0
    while True:
        try:
            users = await store.count_users()
        except StoreUnavailable as error:
            log.debug("the number of users is not known: %s", error)
        else:
            if users < REVIEW_WARNING_USERS:
                metrics.REVIEW_DUE.set(0)
                ask_again = 0.0
            elif loop.time() >= ask_again:
                ask_again = loop.time() + timings.repeat_s
                is_due = not privileged_intents.are_reviewed(await fetch_flags())
                metrics.REVIEW_DUE.set(is_due)
                if is_due:
                    log.warning(REVIEW_DUE, users, REVIEW_USERS)
        await asyncio.sleep(timings.interval_s)
