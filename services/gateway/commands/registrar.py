"""Registers the commands when a gateway starts, if Discord has others.

Readers and presences wait for none of this: what fails is a warning, and is tried again while
Discord cannot be reached.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from shared.commands.registration import CommandRegistration, RegistrationFailed, RegistrationState
from shared.net.backoff import Backoff
from shared.redis import registration_lock
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

BACKOFF: Final = Backoff(first_s=5.0, max_s=600.0)
MAX_ATTEMPTS: Final = 10
LOCK_TTL_S: Final = 30.0

ENDPOINT_IS_SET: Final = (
    "the bot has an Interactions Endpoint URL, so Discord sends the commands there, and not to "
    "Grux. Remove it: https://discord.com/developers/applications, your application, General "
    "Information"
)


async def register_commands(
    registration: CommandRegistration, store: Store, backoff: Backoff = BACKOFF
) -> None:
    """Returns when the commands are registered, or cannot be."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            state = await registration.state()
            if state.is_current or await _write(registration, store, state):
                if state.endpoint_url:
                    log.warning(ENDPOINT_IS_SET)
                return
        except RegistrationFailed as error:
            log.warning("the commands are not registered: %s. %s", error, error.remedy)
            if not error.is_temporary:
                return
        await asyncio.sleep(backoff.delay(attempt))


async def _write(registration: CommandRegistration, store: Store, state: RegistrationState) -> bool:
    """One process of several that start writes; it does no harm if two do, as without Redis.

    False: another process does, or has tried to.
    """
    try:
        if not await registration_lock.acquire(store, LOCK_TTL_S):
            return False
    except StoreUnavailable as error:
        log.debug("registering without a lock: %s", error)
    await registration.write(state.application_id)
    log.info("registered the commands at Discord")
    return True
