"""The bot: asks Discord how to connect, and keeps the shards of this process connected."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiohttp
import hikari
from hikari.impl import RESTApp

from services.gateway.lease import LOOK_EVERY, Lease
from services.gateway.shard import Dispatches, Shard
from services.gateway.turns import Turns
from shared.config import GatewaySettings
from shared.store import Store

log = logging.getLogger(__name__)

FIRST_RETRY: Final = 1.0  # seconds; doubles up to
LAST_RETRY: Final = 120.0  # Discord allows 1,000 sessions a day

UNAUTHORIZED: Final = (
    "Discord refuses the bot token (close code 4004). DISCORD_TOKEN is wrong or was reset: copy "
    "the token from https://discord.com/developers/applications, your application, Bot, Reset "
    "Token."
)
BAD_INTENTS: Final = (
    "Discord refuses the intents that presences need (close code 4014). Open "
    "https://discord.com/developers/applications, your application, Bot, Privileged Gateway "
    "Intents; switch on PRESENCE INTENT and SERVER MEMBERS INTENT; save; start Grux again."
)
FATAL: Final = {
    4004: UNAUTHORIZED,
    4010: "Discord refuses the shard (close code 4010): check SHARD_IDS and SHARD_COUNT.",
    4011: "The bot is in more guilds than one shard may carry (close code 4011): raise "
    "SHARD_COUNT, or leave it empty to use what Discord recommends.",
    4012: "Discord no longer speaks this gateway version (close code 4012): update Grux.",
    4013: "Discord does not know the intents that were sent (close code 4013): update Grux.",
    4014: BAD_INTENTS,
}
"""Close codes that no reconnecting mends. Discord docs: Opcodes and Status Codes."""


class Refused(Exception):
    """Raised when Discord will not have the bot; the text says what to change."""


async def gateway_info(settings: GatewaySettings) -> hikari.GatewayBotInfo:
    """Where to connect, with how many shards. Waits while Discord cannot be reached."""
    retry = FIRST_RETRY
    rest = RESTApp(url=settings.discord_api_url)
    await rest.start()
    try:
        while True:
            try:
                async with rest.acquire(settings.discord_token, "Bot") as client:
                    return await client.fetch_gateway_bot_info()
            except hikari.UnauthorizedError:
                raise Refused(UNAUTHORIZED) from None
            except (hikari.HTTPError, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning(
                    "Discord's API cannot be reached at DISCORD_API_URL (%s); trying again in "
                    "%.0f s",
                    type(error).__name__,
                    retry,
                )
            await asyncio.sleep(retry)
            retry = min(retry * 2, LAST_RETRY)
    finally:
        await rest.close()


class Bot:
    """Keeps those shards connected which this process has the lease of."""

    def __init__(
        self,
        info: hikari.GatewayBotInfo,
        store: Store,
        leases: set[Lease],
        flushed: Callable[[], Awaitable[bool]],
    ) -> None:
        """`leases`: those that are held, kept up to date for who writes by them.

        `flushed` writes what is owed, as well as that goes, and tells whether all of it is.
        """
        self._url = info.url
        self._limit = info.session_start_limit
        self._store = store
        self._turns = Turns(store, self._limit.max_concurrency)
        self._leases = leases
        self._flushed = flushed

    async def run(self, shards: Sequence[tuple[Shard, Dispatches]]) -> None:
        """Until cancelled. Raises Refused, in a group."""
        if self._limit.remaining < len(shards):
            log.warning(
                "Discord allows %d more sessions; waiting %s until it allows more",
                self._limit.remaining,
                self._limit.reset_after,
            )
            await asyncio.sleep(self._limit.reset_after.total_seconds())
        async with asyncio.TaskGroup() as running:
            for shard, dispatches in shards:
                running.create_task(self._keep(shard, dispatches))

    async def _keep(self, shard: Shard, dispatches: Dispatches) -> None:
        while True:
            lease = Lease(self._store, shard.id, shard.count)
            shard.stands_by = True
            await lease.acquire()
            shard.stands_by = False
            self._leases.add(lease)
            work = [
                asyncio.create_task(self._connect(shard, dispatches)),
                asyncio.create_task(lease.hold()),
            ]
            try:
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                lost = work[1].done()
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
                # Whoever takes over writes newer states: ours must not come after those.
                if lost or await self._flushed():
                    await lease.release()
            dispatches.lost()
            self._leases.discard(lease)
            await asyncio.sleep(LOOK_EVERY)

    async def _connect(self, shard: Shard, dispatches: Dispatches) -> None:
        """hikari resumes by itself; what it gives up on begins again as a new session."""
        retry = FIRST_RETRY
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._one_session(shard, dispatches)
            except hikari.GatewayServerClosedConnectionError as closed:
                if closed.code in FATAL:
                    raise Refused(FATAL[int(closed.code)]) from None
                log.warning("Discord closed shard %d (code %s)", shard.id, closed.code)
            except Exception:
                log.exception("shard %d failed", shard.id)
            if loop.time() - began > LAST_RETRY:
                retry = FIRST_RETRY  # it stood: what ended it is another trouble
            await asyncio.sleep(retry)
            retry = min(retry * 2, LAST_RETRY)

    async def _one_session(self, shard: Shard, dispatches: Dispatches) -> None:
        await self._turns.wait(shard.id)
        await shard.run(self._url, dispatches)
